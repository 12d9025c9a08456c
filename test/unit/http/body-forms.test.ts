import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BodySplitter } from '../../../src/http/body-splitter.ts';
import { callValues } from '../../../src/http/model-values.ts';
import { rolloutId } from '../../../src/kernel/ids.ts';
import { answers, fakeGrader, gateTo, type FakeGrader } from '../grading/fake-grader.ts';
import { readArguments } from '../../../src/tools/arguments.ts';
import { authorized, testServer, type TestServer } from '../support/http-server.ts';

/** Which mistakes in a body are the model's (200, recorded) and which the client's (4xx). */

let server: TestServer;
let grader: FakeGrader;
let lastRollout = 0;
beforeAll(async () => {
  grader = await fakeGrader(...Array.from({ length: 8 }, () => answers(200, '{"score":0.5}')));
  server = await testServer({ gate: gateTo(grader) });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await grader[Symbol.asyncDispose]();
});

const newRollout = (): string => `body-${String((lastRollout += 1))}`;

async function post(url: string, payload: Buffer | string, headers: Record<string, string> = {}) {
  const more = authorized({ 'content-type': 'application/json', ...headers });
  const answer = await server.app.inject({ method: 'POST', url, payload, headers: more });
  return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() };
}

/** The body as latin1 text: each character is one byte. */
async function call(rollout: string, body: string, headers: Record<string, string> = {}) {
  return await post('/v1/tools/shell', Buffer.from(body.replaceAll('ROLLOUT', rollout), 'latin1'), headers);
}

const verdictOf = (rollout: string) => server.rollouts.get(rolloutId(rollout))?.verdict;

describe('the model’s', () => {
  test.each([
    ['NaN as Python writes it', '{"command":"true","timeout_ms":NaN}', 'not valid JSON'],
    ['Infinity', '{"command":"true","timeout_ms":-Infinity}', 'not valid JSON'],
    ['a number beyond any float', '{"command":"true","timeout_ms":1e999}', 'timeout_ms'],
    ['a number beyond exact integers', '{"command":"true","timeout_ms":99999999999999999999}', 'timeout_ms'],
    ['single quotes', "{'command':'true'}", 'not valid JSON'],
    ['a comma too many', '{"command":"true",}', 'not valid JSON'],
    ['no value at all', ' ', 'not valid JSON'],
    ['bytes that are not UTF-8', '{"command":"echo \xff\xfe"}', 'not valid UTF-8'],
    ['a surrogate half in UTF-8', '{"command":"echo \xed\xa0\x80"}', 'not valid UTF-8'],
    ['a raw control character', '{"command":"echo \x01"}', 'not valid JSON'],
    ['a null byte', '{"command":"echo \\u0000"}', 'null byte'],
    ['a null byte in a string of JSON', '"{\\"command\\":\\"echo \\\\u0000\\"}"', 'null byte'],
    ['the key __proto__ alone', '{"__proto__":{"command":"true"}}', 'command'],
  ])('%s', async (_what, text, told) => {
    const rollout = newRollout();
    for (const body of [
      `{"trace_id":"ROLLOUT","arguments":${text}}`,
      `{"arguments":${text},"trace_id":"ROLLOUT"}`,
    ]) {
      const answer = await call(rollout, body);
      expect([answer.status, answer.body['output']]).toEqual([200, expect.stringContaining(told)]);
    }
    expect(verdictOf(rollout)).toMatchObject({ verdict: 'valid', counts: { calls: 2, model: 2 } });
  });

  test('null bytes in code, paths, patterns and globs', async () => {
    const rollout = newRollout();
    const calls = [
      ['python', { code: 'print(1)\0' }],
      ['read_file', { path: 'a\0b' }],
      ['write_file', { path: 'a\0b', content: '' }],
      ['list_files', { path: '\0' }],
      ['search_files', { path: '.', pattern: 'a\0' }],
    ] as const;
    for (const [tool, given] of calls) {
      const body = JSON.stringify({ trace_id: rollout, arguments: given });
      const answer = await post(`/v1/tools/${tool}`, body);
      expect([answer.status, answer.body['output']]).toEqual([200, expect.stringContaining('null byte')]);
    }
    expect(verdictOf(rollout)).toMatchObject({ verdict: 'valid', counts: { calls: 5, model: 5 } });
    expect(server.engine.ran).not.toContainEqual(expect.objectContaining({ kind: 'python' }));
  });

  test('half of a surrogate pair is said, and the call runs', async () => {
    const rollout = newRollout();
    const { body } = await call(rollout, '{"trace_id":"ROLLOUT","arguments":{"command":"echo \\ud800"}}');
    expect(body['output']).toContain('[the arguments had lone surrogates');
    expect(verdictOf(rollout)).toMatchObject({ verdict: 'valid', counts: { calls: 1, ok: 1 } });
  });

  test('a path of bytes that are not UTF-8, as a listing shows it, reaches the sandbox, and the journal keeps it', async () => {
    const rollout = newRollout();
    const path = 'bad\udcff';
    const body = JSON.stringify({ trace_id: rollout, arguments: { path, content: 'x' } });
    expect((await post('/v1/tools/write_file', body)).body['output']).not.toContain('surrogate');
    expect(server.engine.ran).toContainEqual(expect.objectContaining({ kind: 'write-file', path }));
    const recorded = [];
    for await (const { event } of server.journal.events())
      if (event.type === 'call_intended' && event.rollout === rollout) recorded.push(event.arguments);
    expect(recorded.map((given) => readArguments(given).value)).toEqual([{ path, content: 'x' }]);
  });

  test.each([
    ['not UTF-8', '"\xff"'],
    ['long, in a large body', `"${'n'.repeat(2 ** 20)}"`],
    ['an unfinished number', '1e'],
  ])('a name that is %s', async (_what, name) => {
    const rollout = newRollout();
    const forms = {
      '/v1/tools': `{"trace_id":"${rollout}","name":${name},"arguments":{}}`,
      [`/v1/rollouts/${rollout}/calls`]: `{"tool":${name},"arguments":{}}`,
    };
    for (const [url, body] of Object.entries(forms))
      expect((await post(url, Buffer.from(body, 'latin1'))).status).toBe(200);
    expect(verdictOf(rollout)).toMatchObject({ verdict: 'valid', counts: { calls: 2, model: 2 } });
  });

  test('a file’s content may have null bytes', async () => {
    const body = { trace_id: newRollout(), arguments: { path: '/tmp/a', content: 'a\0b' } };
    expect((await post('/v1/tools/write_file', JSON.stringify(body))).body['output']).not.toContain(
      'null byte',
    );
  });
});

describe('the client’s', () => {
  test.each([
    ['a body that ends within the arguments', '{"trace_id":"ROLLOUT","arguments":{"command":"tr', 400],
    ['a body that ends within a string', '{"trace_id":"ROLLOUT","arguments":"tr', 400],
    ['a bracket too many after the arguments', '{"trace_id":"ROLLOUT","arguments":{}}}', 400],
    ['NaN in the envelope', '{"trace_id":"ROLLOUT","arguments":{},"id":NaN}', 400],
    ['an envelope that is not UTF-8', '{"trace_id":"ROLLOUT","arguments":{},"id":"\xff"}', 400],
    ['text after the end', '{"trace_id":"ROLLOUT","arguments":NaN} {}', 400],
    ['no arguments', '{"trace_id":"ROLLOUT"}', 400],
    ['a list', '[{"trace_id":"ROLLOUT","arguments":{}}]', 400],
    ['nothing', '', 400],
    ['UTF-16', Buffer.from('{"trace_id":"ROLLOUT","arguments":{}}', 'utf16le').toString('latin1'), 400],
  ])('%s', async (_what, body, status) => {
    const rollout = newRollout();
    expect((await call(rollout, body)).status).toBe(status);
    expect(verdictOf(rollout)).toBeUndefined();
  });

  test.each(['gzip', 'br', 'deflate'])(
    'a body encoded by %s, also one that unpacks to 1 GB',
    async (encoding) => {
      const bomb = gzipSync(Buffer.alloc(2 ** 20));
      const answer = await post('/v1/tools/shell', bomb, { 'content-encoding': encoding });
      expect(answer).toMatchObject({ status: 415, body: { error: 'bad_media_type' } });
    },
  );

  test.each(['.', '..'])('the rollout id %j, which no URL can name', async (rollout) => {
    const answer = await post('/v1/tools/shell', JSON.stringify({ trace_id: rollout, arguments: {} }));
    expect(answer.status).toBe(400);
    expect(answer.body['message']).toContain('no URL can name');
    const byHeader = await post('/v1/tools/shell', '{"arguments":{}}', { 'x-rollout-id': rollout });
    expect(byHeader.status).toBe(400);
  });
});

describe('neither’s: the call runs', () => {
  const good = '"trace_id":"ROLLOUT","arguments":{"command":"true"}';
  test.each([
    ['a byte order mark', `\xef\xbb\xbf{${good}}`],
    ['NaN in the dataset row', `{${good},"item":{"score":NaN,"text":"NaN, \\"Infinity"}}`],
    ['a row that is not UTF-8, of an open rollout', `{${good},"item":"\xff"}`],
    ['a key twice: the last counts', `{"arguments":{"command":"false"},${good}}`],
    ['a key twice, first broken', `{"arguments":{nothing},${good}}`],
    [
      'a key __proto__ in the arguments',
      `{"trace_id":"ROLLOUT","arguments":{"command":"true","__proto__":{"x":1}}}`,
    ],
    ['keys in escapes', `{"trace_id":"ROLLOUT","argument\\u0073":{"command":"true"},"item":NaN}`],
    ['a charset that is not UTF-8, with ASCII text', `{${good}}`],
  ])('%s', async (what, body) => {
    const rollout = newRollout();
    if (what.includes('open rollout')) await call(rollout, `{${good},"call_id":"first"}`);
    const headers = what.includes('charset') ? { 'content-type': 'text/plain; charset=ISO-8859-1' } : {};
    const answer = await call(rollout, body, headers);
    expect(answer).toMatchObject({ status: 200, body: { output: 'true' } });
  });

  test('a row is seen by the rules whatever stands beside it', async () => {
    const rollout = newRollout();
    const item = '{"metadata":{"task":"x"},"kind":NaN}';
    await call(
      rollout,
      `{"arguments":{broken,"trace_id":"ROLLOUT","item":${item}}`.replace('{broken', '{broken}'),
    );
    expect(verdictOf(rollout)).toMatchObject({ counts: { model: 1 } });
  });
});

describe('what is graded', () => {
  test.each([
    ['a sample with NaN', '"sample":{"output":[NaN]}', { sample: { output: [null] } }],
    ['a sample that is not UTF-8', '"sample":"\xff"', { sample: null, sample_unread: 'not valid UTF-8' }],
    ['a row with Infinity', '"sample":"s","item":{"id":-Infinity}', { sample: 's', item: { id: null } }],
  ])('%s', async (_what, fields, forwarded) => {
    const payload = Buffer.from(`{"trace_id":"${newRollout()}",${fields}}`, 'latin1');
    expect(await post('/v1/grade', payload)).toMatchObject({ status: 200, body: { score: 0.5 } });
    expect(grader.asked.at(-1)?.body).toMatchObject(forwarded);
  });

  test('a sample of 20 MB reaches the grader whole', async () => {
    const text = 'x'.repeat(20_000_000);
    const payload = JSON.stringify({ trace_id: newRollout(), sample: { text } });
    expect((await post('/v1/grade', payload)).status).toBe(200);
  });
});

describe('the splitter', () => {
  const path = (value: unknown, mark: string): unknown => JSON.parse(mark) === value;

  const withoutWanted = (object: object): object =>
    Object.fromEntries(
      Object.entries(object).filter(([key]) => !callValues.some(({ path: [wanted] }) => wanted === key)),
    );

  test('leaves what JSON.parse leaves, wherever the pieces are cut', () => {
    const value = fc.json({ maxDepth: 5 });
    const body = fc.record({
      before: fc.dictionary(fc.string(), fc.jsonValue()),
      value,
      after: fc.dictionary(fc.string(), fc.jsonValue()),
    });
    fc.assert(
      fc.property(
        body,
        fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
        ({ before, value, after }, sizes) => {
          const [first, last] = [withoutWanted(before), withoutWanted(after)];
          const inner = (object: object) => JSON.stringify(object).slice(1, -1);
          const text = `{${[inner(first), `"arguments" : ${value}`, inner(last)].filter((part) => part !== '').join(',')}}`;
          const splitter = new BodySplitter(callValues, 2 ** 20);
          let rest = Buffer.from(text);
          while (rest.length > 0) {
            const size = sizes.next().value as number;
            splitter.push(rest.subarray(0, size));
            rest = rest.subarray(size);
          }
          const { text: left, cut } = splitter.end();
          const [[mark, one] = ['', undefined]] = cut;
          const { arguments: marked, ...others } = JSON.parse(String(left)) as Record<string, unknown>;
          const { arguments: _whole, ...wanted } = JSON.parse(text) as Record<string, unknown>;
          expect(path(marked, JSON.stringify(mark))).toBe(true);
          expect(JSON.parse(String(one?.text))).toEqual(JSON.parse(value));
          expect(others).toEqual(wanted);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
