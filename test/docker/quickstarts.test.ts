import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { docker } from './support/docker.ts';
import { linesMissing, quickstartsOf } from './support/readme-commands.ts';
import { Terminal } from './support/terminal.ts';

/**
 * The quickstarts of the first page, pasted into one terminal in a copy of the repository, against the server that its
 * `npm start` starts. Only the port differs from what a newcomer sees: another server may have 8080 here.
 */
const START_MS = 600_000;
const PASTE_MS = 240_000;
const root = join(import.meta.dirname, '../..');
const NOT_COPIED = new Set(['node_modules', '.git', '.tools', 'data', 'dist']);
const [serve, ...others] = quickstartsOf(join(root, 'README.md'));
const [start, ...pastes] = serve?.pastes ?? [];
const IMAGE = 'example/greetings:latest';

let clone: string;
let server: ChildProcess;
let terminal: Terminal | null = null;
let url: string;

beforeAll(async () => {
  clone = mkdtempSync(join(tmpdir(), 'faultline-newcomer-'));
  const filter = (path: string): boolean => dirname(path) !== root || !NOT_COPIED.has(basename(path));
  cpSync(root, clone, { recursive: true, preserveTimestamps: true, filter });
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'));
  server = spawn('bash', ['-c', start?.text ?? 'exit 1'], {
    cwd: clone,
    env: {
      ...process.env,
      FAULTLINE_PORT: '0',
      PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
    },
    detached: true,
  });
  url = await listening(server);
  terminal = new Terminal(clone);
}, START_MS);

afterAll(async () => {
  await terminal?.[Symbol.asyncDispose]();
  // Not `exit`: npm ends before the server that it started, which holds the other end of the pipes.
  const gone = once(server, 'close');
  if (server.pid !== undefined) process.kill(-server.pid, 'SIGTERM');
  await gone;
  const controller = readFileSync(join(clone, 'data/controller-id'), 'utf8').trim();
  const left = await docker('ps', '-aq', '--filter', `label=faultline.controller=${controller}`);
  await docker('image', 'rm', IMAGE);
  rmSync(clone, { recursive: true, force: true });
  expect(left).toBe('');
}, PASTE_MS);

function opened(it: Terminal | null): Terminal {
  if (it === null) throw new Error('no terminal: the server did not start');
  return it;
}

/** Resolves with the address that the server prints, as the reader is told to wait for it. */
function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let printed = '';
    const look = (data: Buffer): void => {
      printed += data.toString();
      const address = /faultline listens on (http:\S+)/.exec(printed)?.[1];
      if (address !== undefined) resolve(address);
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
    child.once('exit', () => {
      reject(new Error(`the server ended:\n${printed}`));
    });
  });
}

describe('a newcomer who pastes the first page sees what it shows', () => {
  it('starts the server with one command', () => {
    expect(start?.text).toBe('npm start\n');
    expect(existsSync(join(clone, 'data/token'))).toBe(true);
  });

  it.each([{ title: serve?.title, pastes }, ...others])(
    '$title',
    { timeout: PASTE_MS },
    async ({ pastes }) => {
      expect(pastes.length).toBeGreaterThan(0);
      for (const { text, shows } of pastes) {
        const printed = await opened(terminal).paste(text.replaceAll('http://127.0.0.1:8080', url), PASTE_MS);
        expect(shows.length).toBeGreaterThan(0);
        expect(linesMissing(shows, printed), printed).toEqual([]);
      }
    },
  );
});
