import { connect, type AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UNAVAILABLE_TEXT } from '../../../src/outcome/render.ts';
import { answers, fakeGrader, gateTo, type FakeGrader } from '../grading/fake-grader.ts';
import {
  body,
  document,
  headers,
  isClosed,
  isJson,
  jsonLike,
  METHODS,
  segment,
  SLOW,
  text,
  url,
} from './surface-requests.ts';
import { authorized, testServer, type TestServer } from '../support/http-server.ts';

/**
 * Generated requests on the whole HTTP surface: every answer comes, none is a 5xx beside the designed ones, and a call
 * whose envelope names a rollout is recorded. FAULTLINE_FUZZ_RUNS multiplies the number of requests.
 */

const TIMES = Number(process.env['FAULTLINE_FUZZ_RUNS'] ?? 1);
const RUNS = 800 * TIMES;
const DEADLINE_MS = 10_000;
const REPORT_MS = 60_000;

let server: TestServer;
let grader: FakeGrader;
beforeAll(async () => {
  grader = await fakeGrader(answers(200, '{"score":0.5}'));
  server = await testServer({ gate: gateTo(grader) });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await grader[Symbol.asyncDispose]();
});

/** Beside 503 with its one text: an exception of SWE-ReX, and what a grade may end in. */
const DESIGNED = new Set([501, 502, 504, 511]);

test('any method, route, headers and body', async () => {
  const request = fc.record({
    method: fc.oneof(
      { weight: 3, arbitrary: fc.constant('POST' as const) },
      { weight: 2, arbitrary: fc.constantFrom(...METHODS) },
    ),
    url,
    headers,
    body,
    right: fc.integer({ min: 0, max: 9 }),
  });
  const seen = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(request, async ({ method, url: path, headers: given, body: payload, right }) => {
      const { authorization, ...rest } = given;
      const all =
        right > 0 ? authorized(rest) : { ...rest, ...(authorization !== undefined && { authorization }) };
      const reply = await answered(server.app.inject({ method, url: path, headers: all, payload }));
      seen.set(reply.statusCode, (seen.get(reply.statusCode) ?? 0) + 1);
      const what = `${method} ${path} ${JSON.stringify(all)} ${payload.toString().slice(0, 300)}`;
      expectDesigned(reply.statusCode, reply.body, what);
    }),
    { numRuns: RUNS },
  );
  console.log('requests by status:', Object.fromEntries([...seen].sort(([a], [b]) => a - b)));
  expect(server.logged.filter(({ message }) => message === 'request failed')).toEqual([]);
}, 600_000);

/** Which rollout an envelope names is said by its generator, not read back from the request. */
test('a call whose envelope names a rollout is answered 200 and recorded, whatever else is in it', async () => {
  let last = 0;
  let bodies = 0;
  const unique = fc.constant(null).map(() => `fuzz-${String((last += 1))}`);
  const known = fc.record({
    rollout: unique,
    given: jsonLike.filter(isClosed),
    item: jsonLike.filter(isClosed),
    name: fc.oneof(text(fc.string({ unit: 'binary' })), fc.json()),
  });
  await fc.assert(
    fc.asyncProperty(known, fc.boolean(), async ({ rollout, given, item, name }, argumentsFirst) => {
      const args = `"arguments":${given}`;
      const row = isJson(item) ? `"item":${item}` : '"item":NaN';
      const fields = [`"trace_id":"${rollout}"`, `"name":${name === '"shell"' ? '"x"' : name}`, row];
      const platform = (argumentsFirst ? [args, ...fields] : [...fields, args]).join(',');
      const native = [`"tool":${name}`, args].join(',');
      for (const [target, payload] of [
        ['/v1/tools', platform],
        [`/v1/rollouts/${rollout}/calls`, native],
      ] as const) {
        // prettier-ignore
        const reply = await answered(server.app.inject({ method: 'POST', url: target, payload: `{${payload}}`, headers: authorized({ 'content-type': 'application/json' }) }));
        bodies += 1;
        expect([reply.statusCode, `{${payload}}`]).toEqual([200, `{${payload}}`]);
      }
      expect(server.rollouts.get(rollout as never)?.verdict).toMatchObject({
        counts: { calls: 2, pending: 0 },
      });
    }),
    { numRuns: RUNS / 2 },
  );
  console.log('bodies of named rollouts:', bodies);
}, 600_000);

test('bytes that are no HTTP, or almost: answered or closed, and the server goes on', async () => {
  await server.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = server.app.server.address() as AddressInfo;
  const good =
    'POST /v1/tools/shell HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"trace_id":"r1"}   ';
  const mutated = fc
    .tuple(fc.nat(good.length - 1), fc.uint8Array({ minLength: 1, maxLength: 4 }), fc.nat(good.length))
    .map(([at, bytes, end]) =>
      Buffer.concat([
        Buffer.from(good.slice(0, at)),
        Buffer.from(bytes),
        Buffer.from(good.slice(at + 1, Math.max(at + 1, end))),
      ]),
    );
  const raw = fc.oneof(
    mutated,
    fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  );
  await fc.assert(
    fc.asyncProperty(raw, async (bytes) => {
      const got = await exchange(port, bytes);
      expect(/^(|HTTP\/1\.1 [234]\d\d )/.test(got), got.slice(0, 100)).toBe(true);
    }),
    { numRuns: 300 * TIMES },
  );
  expect((await fetch(`http://127.0.0.1:${String(port)}/healthz`)).status).toBe(200);
}, 600_000);

test('queries of the reports', async () => {
  await using fresh = await testServer();
  const routes = Object.keys(document.paths).filter((path) => SLOW.test(path) && path !== '/v1/live');
  const query = fc.record(
    {
      since: fc.constantFrom('2h', "'", 'x', ''),
      job: fc.string(),
      task: fc.string(),
      step: fc.constantFrom('1', '0', 'NaN', '1e99'),
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...routes), query, segment, async (route, given, rollout) => {
      const path = `${route.replace(/\{[^}]*\}/, rollout)}?${new URLSearchParams(given as Record<string, string>).toString()}`;
      const reply = await answered(fresh.app.inject({ url: path, headers: authorized() }), REPORT_MS);
      expectDesigned(reply.statusCode, reply.body, path);
    }),
    { numRuns: 12 * TIMES },
  );
}, 600_000);

function expectDesigned(status: number, reply: string, what: string): void {
  if (status < 500 || DESIGNED.has(status)) return;
  expect([status, what], what).toEqual([503, what]);
  expect(reply, what).toMatch(new RegExp(`${UNAVAILABLE_TEXT}|not graded|"ready":false`));
}

async function answered<T>(reply: Promise<T>, withinMs = DEADLINE_MS): Promise<T> {
  const late = AbortSignal.timeout(withinMs);
  const { promise, reject } = Promise.withResolvers<never>();
  late.addEventListener('abort', () => {
    reject(new Error('no answer in time'));
  });
  return await Promise.race([reply, promise]);
}

async function exchange(port: number, bytes: Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const { promise, resolve } = Promise.withResolvers<undefined>();
  let got = '';
  socket.on('data', (data: Buffer) => (got += data.toString('latin1')));
  socket.on('error', () => undefined);
  socket.on('close', () => {
    resolve(undefined);
  });
  socket.end(bytes);
  await answered(promise);
  return got;
}
