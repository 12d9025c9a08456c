import { readFileSync } from 'node:fs';
import { connect, type AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UNAVAILABLE_TEXT } from '../../../src/outcome/render.ts';
import { answers, fakeGrader, gateTo, type FakeGrader } from '../grading/fake-grader.ts';
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

/** `/v1/live` never ends by design; the reports start a process each. Their queries are fuzzed below, with fewer runs. */
const SLOW = /^\/v1\/live$|\/reports\/|\/story$/;
/** Not in the OpenAPI document, because other projects define them. */
const OTHERS = [
  '/mcp',
  '/run_code',
  '/swe-rex/{rollout}/{verb}',
  '/v1/tools/{*}',
  '/v1/nothing',
  '/',
  '/assets/{name}',
];
const document = JSON.parse(readFileSync('src/http/openapi.json', 'utf8')) as {
  paths: Record<string, object>;
};
const ROUTES = [...Object.keys(document.paths), ...OTHERS].filter((path) => !SLOW.test(path));
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'] as const;
/** Beside 503 with its one text: an exception of SWE-ReX, and what a grade may end in. */
const DESIGNED = new Set([501, 502, 504, 511]);

const id = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('r1', 'r2', 'r3', 'call 1', 'ä/ö', '.', '..', '', 'x'.repeat(257), 'a\0b'),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
);
const verb = fc.constantFrom('is_alive', 'create_session', 'run_in_session', 'close_session', 'execute', 'read_file', 'write_file', 'upload'); // prettier-ignore
const segment = fc
  .oneof(id, verb, fc.constantFrom('shell', 'python', 'base'))
  .map((text) => encodeURIComponent(text.toWellFormed()));
const url = fc
  .tuple(
    fc.constantFrom(...ROUTES),
    fc.array(segment, { minLength: 2, maxLength: 2 }),
    fc.webQueryParameters(),
  )
  .map(([route, [first = '', second = ''], query]) => {
    const path = route.replace(/\{[^}]*\}/, first).replace(/\{[^}]*\}/, second);
    return query === '' ? path : `${path}?${query}`;
  });

const brackets = fc.integer({ min: 1, max: 5_000 }).map((count) => '['.repeat(count) + ']'.repeat(count));
/** JSON, and what is not quite JSON. */
const jsonLike = fc.oneof(
  fc.json(),
  brackets,
  fc.constantFrom(
    'NaN',
    '-Infinity',
    '{',
    '"',
    '{"command":"true"}',
    '"{\\"command\\":\\"true\\"}"',
    '{"__proto__":1}',
    '',
  ),
  fc.string(),
);
const field = (name: string, value: fc.Arbitrary<string>) =>
  value.map((text) => `${JSON.stringify(name)}:${text}`);
const text = (of: fc.Arbitrary<string>) => of.map((value) => JSON.stringify(value));
/** An object with fields that the routes know, each of them usually of the right kind. */
const form = fc
  .subarray([
    field('trace_id', text(id)),
    field('call_id', text(id)),
    field('name', fc.oneof(text(id), jsonLike)),
    field('arguments', jsonLike),
    field('item', jsonLike),
    field('tool', fc.oneof(text(id), jsonLike)),
    field('rollout_id', text(id)),
    field('rollout_ids', jsonLike),
    field('sample', jsonLike),
    field('task', text(id)),
    field('count', fc.nat(3).map(String)),
    field('language', fc.constant('"python"')),
    field('code', jsonLike),
    field('command', jsonLike),
    field('path', jsonLike),
    field('content', jsonLike),
    field('session', text(id)),
    field('files', jsonLike),
    field('fetch_files', jsonLike),
    field('timeout', jsonLike),
    field('id', jsonLike),
    field('jsonrpc', fc.constant('"2.0"')),
    field('method', fc.constantFrom('"tools/call"', '"tools/list"', '"initialize"')),
    field(
      'params',
      fc.tuple(jsonLike, jsonLike).map(([name, given]) => `{"name":${name},"arguments":${given}}`),
    ),
  ] as const) // prettier-ignore
  .chain((fields) => fc.tuple(...fields))
  .map((fields) => `{${fields.join(',')}}`);
const body = fc.oneof(
  { weight: 4, arbitrary: form.map((value) => Buffer.from(value)) },
  {
    weight: 2,
    arbitrary: form.chain((value) => fc.nat(value.length).map((end) => Buffer.from(value.slice(0, end)))),
  },
  { weight: 2, arbitrary: jsonLike.map((value) => Buffer.from(value)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
);
/** The first mostly, else one of the others. */
const usually = (first: string, ...others: readonly string[]) =>
  fc.oneof(
    { weight: 9, arbitrary: fc.constant(first) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );
const headers = fc.record(
  {
    'content-type': usually(
      'application/json',
      'text/plain; charset=latin1',
      'a;;;',
      '',
      'application/octet-stream',
      'multipart/form-data',
      'multipart/form-data; boundary=x',
    ),
    'content-encoding': usually('identity', 'gzip', 'br', ''),
    'x-rollout-id': usually('r1', '.', '..', 'x'.repeat(300), ''),
    'idempotency-key': usually('k', 'x'.repeat(300)),
    'x-request-id': usually('k', 'x'.repeat(300)),
    'x-task': usually('base', 'nope', ''),
    'x-job-id': usually('job', 'x'.repeat(300)),
    'mcp-session-id': usually('k.r1', 'nonsense', '%.%', 'k.%ff'),
    accept: usually('application/json, text/event-stream', '*/*', ''),
    authorization: fc.constantFrom('Bearer wrong', 'Basic !', ''),
  },
  { requiredKeys: [] },
);

const callsRecorded = (): number =>
  [...server.rollouts.all()].reduce((sum, { calls }) => sum + calls.size, 0);

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

function isJson(value: string): boolean {
  try {
    JSON.parse(value);
    return true;
  } catch {
    return false;
  }
}

/** Whether a value ends where its generator ends it: its strings and brackets are closed, and nothing stands beside it. */
function isClosed(value: string): boolean {
  return isJson(value) || /^[^"{}[\],:\\]*$/.test(value);
}
