import { readFileSync } from 'node:fs';
import fc from 'fast-check';

/** Generated parts of requests on the HTTP surface. */

/** `/v1/live` never ends by design; the reports start a process each. Their queries are fuzzed below, with fewer runs. */
export const SLOW = /^\/v1\/live$|\/reports\/|\/story$/;
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
export const document = JSON.parse(readFileSync('src/http/openapi.json', 'utf8')) as {
  paths: Record<string, object>;
};
const ROUTES = [...Object.keys(document.paths), ...OTHERS].filter((path) => !SLOW.test(path));
export const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'] as const;

const id = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('r1', 'r2', 'r3', 'call 1', 'ä/ö', '.', '..', '', 'x'.repeat(257), 'a\0b'),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
);
const verb = fc.constantFrom('is_alive', 'create_session', 'run_in_session', 'close_session', 'execute', 'read_file', 'write_file', 'upload'); // prettier-ignore
export const segment = fc
  .oneof(id, verb, fc.constantFrom('shell', 'python', 'base'))
  .map((text) => encodeURIComponent(text.toWellFormed()));
export const url = fc
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
export const jsonLike = fc.oneof(
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
export const text = (of: fc.Arbitrary<string>) => of.map((value) => JSON.stringify(value));
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
export const body = fc.oneof(
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
export const headers = fc.record(
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

export function isJson(value: string): boolean {
  try {
    JSON.parse(value);
    return true;
  } catch {
    return false;
  }
}

/** Whether a value ends where its generator ends it: its strings and brackets are closed, and nothing stands beside it. */
export function isClosed(value: string): boolean {
  return isJson(value) || /^[^"{}[\],:\\]*$/.test(value);
}
