import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** Each is a process with a database in it. */
const COMMAND_MS = 60_000;

let data: string;
beforeAll(() => {
  data = mkdtempSync(join(tmpdir(), 'faultline-rollout-'));
  mkdirSync(join(data, 'journal'));
  const opened = {
    type: 'rollout_opened', at: '2026-06-01T10:00:00.000Z', rollout: 'known', task: 'base', image: 'base', policy: 'default', job: 'j',
  }; // prettier-ignore
  writeFileSync(join(data, 'journal/20260601T000000000Z-000001.jsonl'), `${JSON.stringify(opened)}\n`);
});
afterAll(() => {
  rmSync(data, { recursive: true });
});

async function faultline(...words: string[]) {
  const argv = ['src/cli/faultline.ts', 'rollout', '--data', data, ...words];
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, argv, { timeout: COMMAND_MS });
    return { code: 0, stdout, stderr };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

test(
  'a rollout that the journal does not know is an error that names it, as text and as JSON',
  { timeout: 2 * COMMAND_MS },
  async () => {
    const message = 'The journal has no rollout nobody.';
    expect(await faultline('nobody')).toMatchObject({ code: 1, stdout: '', stderr: `${message}\n` });
    const told = await faultline('nobody', '--json');
    expect(told).toMatchObject({ code: 1, stderr: `${message}\n` });
    expect(JSON.parse(told.stdout)).toEqual({ error: 'unknown_rollout', message });
  },
);

test('one that it knows is told', { timeout: COMMAND_MS }, async () => {
  const { code, stdout } = await faultline('known', '--json');
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { rollout: { rollout: 'known', task: 'base' } }]);
});
