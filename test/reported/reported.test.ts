import { once } from 'node:events';
import { appendFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { TOKEN, World, type Server } from '../docker/support/server.ts';
import { withWorld } from '../docker/support/with-world.ts';
import { cases } from './case.ts';
import { play } from './play.ts';

const grader = createServer((request, response) => {
  request.resume().on('end', () => response.end('{"score":1}'));
});

let world: World;
let server: Server;

withWorld(async (made) => {
  world = made;
  addSmallestImage(made);
  await once(grader.listen(0, '127.0.0.1'), 'listening');
  const { port } = grader.address() as AddressInfo;
  server = await world.start({ FAULTLINE_GRADER_URL: `http://127.0.0.1:${String(port)}/` });
});
afterAll(() => grader.close());

test.concurrent.each(cases.filter(({ steps }) => steps.length > 0))('$id: $about', async (item) => {
  expect(await play(world, server, item), item.source).toEqual([]);
});

/** The image `minimal` as it is shipped: the world's own task of that name promises a Python that is not there. */
function addSmallestImage({ folder }: World): void {
  cpSync(join(import.meta.dirname, '../../images/minimal'), join(folder, 'images/smallest'), {
    recursive: true,
  });
  appendFileSync(
    join(folder, 'policies/tasks.yaml'),
    '  smallest: { image: smallest, tools: [shell, read_file, search_files] }\n',
  );
}

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);

test.concurrent.each([
  ['an emoji and a blank in the name', '/tmp/a b 😀.bin', everyByte],
  ['an empty file', '/tmp/empty', new Uint8Array()],
  ['12 MiB', '/tmp/large', new Uint8Array(12 * 2 ** 20).fill(7)],
  ['missing folders', '/tmp/one/two/three', everyByte],
])('files-route: %s arrives and returns as it was', async (what, path, bytes) => {
  const rollout = encodeURIComponent(`reported-files ${what}`);
  const url = `${server.url}/v1/rollouts/${rollout}/files?path=${encodeURIComponent(path)}`;
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/octet-stream' };
  expect((await fetch(url, { method: 'PUT', headers, body: bytes })).status).toBe(200);
  const back = await fetch(url, { headers });
  expect(Buffer.from(await back.arrayBuffer()).equals(bytes)).toBe(true);
});

test('files-route: a link, a FIFO and a folder are answered at once', async () => {
  const rollout = 'reported-files-kinds';
  const make =
    'cd /tmp; echo data > file; ln -s file link; ln -s nowhere dangling; mkfifo fifo; mkdir folder';
  await server.tool('shell', rollout, 'make', { command: make });
  const status = async (path: string) =>
    (await server.request('GET', `/v1/rollouts/${rollout}/files?path=${path}`)).status;
  const paths = ['/tmp/link', '/tmp/dangling', '/tmp/fifo', '/tmp/folder', '/proc/self/status'];
  expect(await Promise.all(paths.map(status))).toEqual([200, 404, 404, 404, 200]);
});

test('run-dir-left: a clean stop leaves nothing in the folder of the egress sockets', async () => {
  await using own = new World();
  const egress = mkdtempSync('/tmp/fl-');
  const started = await own.start({ FAULTLINE_EGRESS_DIR: egress, FAULTLINE_ON_STOP: 'remove' });
  expect((await started.tool('shell', 'reported-left', 'one', { command: 'echo a' })).output).toBe('a\n');
  await started.stop();
  expect(readdirSync(egress, { recursive: true })).toEqual([]);
  rmdirSync(egress);
});

test('a case without steps has a test of its own', () => {
  expect(cases.filter(({ steps }) => steps.length === 0).map(({ id }) => id)).toEqual([
    'files-route',
    'run-dir-left',
  ]);
});

test('the README has a row for each case, with its decision', () => {
  const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');
  const rows = readme.split('\n').filter((line) => line.startsWith('| `'));
  const cells = rows.map((row) => row.split(/(?<!\\)\|/).map((cell) => cell.trim()));
  expect(cells.map(([, id, , , result]) => [id, result])).toEqual(
    cases.map(({ id, decision }) => [`\`${id}\``, decision ?? 'Passes.']),
  );
});
