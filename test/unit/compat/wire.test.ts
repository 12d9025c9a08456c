import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SandboxFault } from '../../../src/sandbox/sandbox.ts';
import type { Transfers } from '../../../src/tools/transfer.ts';
import { answers, fakeGrader, gateTo, type FakeGrader } from '../grading/fake-grader.ts';
import { testServer, type TestServer } from '../support/http-server.ts';
import { linesOf, oldCatalog } from './version-0.1.0.ts';

/** A request as a client of 0.1.0 sent it, and the answer of 0.1.0. */
interface Exchange {
  readonly from: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of a long one only the length. */
  readonly body: string | number | null;
  readonly status: number;
  readonly answerHeaders: Readonly<Record<string, string>>;
  readonly answer: string;
}

const exchanges = linesOf<Exchange>('wire.jsonl');

let server: TestServer;
let grader: FakeGrader;
const given: { status: number; headers: string[]; text: string }[] = [];

/** Plays all requests in the order in which 0.1.0 got them; the tests then compare. */
beforeAll(async () => {
  grader = await fakeGrader(
    answers(200, '{"score":0.75}'),
    answers(200, '{"score":0.75}'),
    answers(400, '{"error":"no"}'),
  );
  server = await testServer({ catalog: oldCatalog(), transfer: filesInMemory(), gate: gateTo(grader) });
  const start = server.engine.start.bind(server.engine);
  server.engine.start = (spec, deadline) =>
    spec.image.name === 'missing'
      ? Promise.reject(new SandboxFault('image_missing', 'no such image'))
      : start(spec, deadline);
  for (const { method, path, headers, body } of exchanges) {
    const payload = typeof body === 'number' ? JSON.stringify('a'.repeat(body - 2)) : body;
    const answer = await server.app.inject({
      method,
      url: path,
      headers,
      ...(payload !== null && { payload }),
    });
    given.push({ status: answer.statusCode, headers: Object.keys(answer.headers), text: answer.body });
  }
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await grader[Symbol.asyncDispose]();
});

function filesInMemory(): Transfers {
  const files = new Map<string, Buffer>();
  return {
    upload: async (_opening, path, body) => {
      const content = await buffer(Readable.from(body));
      files.set(path, content);
      return { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
    },
    download: (_id, path) => {
      const content = files.get(path);
      const gone = { problem: 'the rollout has ended', status: 410 } as const;
      return Promise.resolve(content === undefined ? gone : { body: Readable.from([content]) });
    },
  };
}

describe.each(exchanges.map((exchange, nth) => ({ ...exchange, nth })))(
  '$from: $method $path',
  ({ nth, status, answerHeaders, answer }) => {
    it(`is answered with ${String(status)}, and with every header and field of 0.1.0`, () => {
      const now = given[nth];
      expect(now?.status).toBe(status);
      expect(now?.headers).toEqual(expect.arrayContaining(Object.keys(answerHeaders)));
      expect(fieldsOf(now?.text ?? '')).toEqual(expect.arrayContaining(fieldsOf(answer)));
    });
  },
);

/** Paths of all fields in an answer; of a list the fields of all its items. Of metrics our own, by name. */
function fieldsOf(text: string): string[] {
  const data = /^data: (.*)$/m.exec(text)?.[1] ?? text;
  if (text.startsWith('# HELP'))
    return [...text.matchAll(/^# TYPE faultline_\S+ \S+$/gm)].map(([line]) => line);
  if (!/^[{[]/.test(data)) return data === '' ? [] : [data];
  const fields = new Set<string>();
  collect(JSON.parse(data), '', fields);
  return [...fields];
}

function collect(value: unknown, path: string, fields: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, item] of Object.entries(value)) {
    const inside = Array.isArray(value) ? `${path}[]` : `${path}.${name}`;
    fields.add(inside);
    collect(item, inside, fields);
  }
}
