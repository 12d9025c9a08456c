import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EVENT_TYPES, parseEvent, type EventOf } from '../../../src/journal/event.ts';
import { diagnostics } from '../../../src/report/diagnostics.ts';
import { Ledger } from '../../../src/report/ledger.ts';
import { overview } from '../../../src/report/overview.ts';
import { risk } from '../../../src/report/risk.ts';
import { storyOf } from '../../../src/report/story.ts';
import { printed } from '../support/fake-engine.ts';
import { authorized, testServer, type TestServer } from '../support/http-server.ts';
import { FIXTURE, journalLines, linesOf, oldCatalog } from './version-0.1.0.ts';

interface Answer {
  readonly status: number;
  readonly text: string;
}
interface Told extends Answer {
  readonly get?: string;
  readonly repeated?: object;
  readonly sql?: string;
  readonly rows?: object[];
  readonly living?: string[];
}

const told = linesOf<Told>('told.jsonl');
const events = journalLines().map(parseEvent);

/** What was asked, what it is called in a test, and what 0.1.0 answered. */
const asked = told.flatMap(({ get: path, status, text }) =>
  path === undefined ? [] : [{ path, status, text }],
);
const ofRollouts = asked.filter(({ path }) => path.startsWith('/v1/rollouts') && !path.endsWith('/story'));
const stories = asked.filter(({ path }) => path.endsWith('/story'));
const repeats = told.flatMap(({ repeated, status, text }) =>
  repeated === undefined ? [] : [{ repeated, status, text }],
);
const queries = told.flatMap(({ sql, rows }) => (sql === undefined ? [] : [{ sql, rows: rows ?? [] }]));

const OLD_TYPES = [
  'controller_started', 'controller_stopped', 'rollout_opened', 'sandbox_claimed', 'call_intended', 'call_finished',
  'call_refused', 'attempt_failed', 'kill_intended', 'file_uploaded', 'rollout_displaced', 'recovery_ended',
  'rollout_lost', 'sandbox_removed', 'rollout_ended', 'graded',
]; // prettier-ignore
/** Documented in 0.1.0 and written by nothing in it. */
const NEVER_WRITTEN = 'sandbox_removed';

let server: TestServer;
/** What the present server ran again of its own accord. */
const continued: unknown[] = [];
const interrupted = Promise.withResolvers<undefined>();

beforeAll(async () => {
  const living = new Set(told[0]?.living);
  const claims = events.filter(
    (event): event is EventOf<'sandbox_claimed'> => event.type === 'sandbox_claimed',
  );
  server = await testServer({
    catalog: oldCatalog(),
    past: {
      dataDir: FIXTURE,
      sandboxes: claims.map(({ handle }) => handle).filter(({ id }) => living.has(id)),
    },
    script: async (work, call) => {
      continued.push(work);
      await interrupted.promise;
      return printed(call, 'yes\n');
    },
  });
});

afterAll(async () => {
  interrupted.resolve(undefined);
  await server[Symbol.asyncDispose]();
});

async function get(url: string): Promise<Answer> {
  const { statusCode: status, body: text } = await server.app.inject({ url, headers: authorized() });
  return { status, text };
}

/** What names a row, of a view or of a report. */
const NAMES = [
  'job',
  'step',
  'rollout',
  'call',
  'at',
  'attribution',
  'cause',
  'phase',
  'code',
  'from',
  'row',
];

/** The order of rows and examples is the database's, which works in parallel. */
function inOrder(found: unknown): unknown {
  if (Array.isArray(found)) {
    const name = (item: unknown): string =>
      typeof item === 'object' && item !== null ? JSON.stringify(item, NAMES) : String(item);
    return found.map(inOrder).toSorted((a, b) => (name(a) < name(b) ? -1 : 1));
  }
  if (typeof found !== 'object' || found === null) return found;
  return Object.fromEntries(Object.entries(found).map(([field, value]) => [field, inOrder(value)]));
}

/** The overview's list of causes has ten places; the last ones are shared out among equals. */
function withoutTies(report: object): object {
  const { top_causes: causes } = report as { top_causes?: readonly { attribution: string }[] };
  if (causes === undefined) return report;
  return { ...report, top_causes: causes.filter(({ attribution }) => attribution !== 'model') };
}

describe('the journal of 0.1.0', () => {
  it('has every event type that 0.1.0 wrote, and each of its lines is read', () => {
    const types = new Set<string>(events.map(({ type }) => type));
    expect([...types, NEVER_WRITTEN].toSorted()).toEqual(OLD_TYPES.toSorted());
    expect(EVENT_TYPES).toEqual(expect.arrayContaining([...types]));
    expect(server.journal.skippedLines).toBe(0);
    expect(server.logged).toContainEqual(
      expect.objectContaining({ message: 'restored', interrupted: 1, unclaimed: 0 }),
    );
  });

  it.each(ofRollouts)('is restored as 0.1.0 restored it: GET $path', async ({ path, status, text }) => {
    const answer = await get(path);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toMatchObject(JSON.parse(text) as object);
  });

  it.each(repeats)(
    'gives stored answers again, byte for byte: $repeated.trace_id $repeated.call_id',
    async (old) => {
      const answer = await server.app.inject({
        method: 'POST',
        url: '/v1/tools',
        headers: authorized(),
        payload: old.repeated,
      });
      expect([answer.statusCode, answer.body]).toEqual([old.status, old.text]);
      expect(answer.headers['x-faultline-replayed']).toBe('true');
    },
  );

  it('refuses an id of a stored call that comes with other arguments', async () => {
    const [{ repeated } = { repeated: {} }] = repeats;
    const payload = { ...repeated, arguments: '{"command":"another"}' };
    const answer = await server.app.inject({
      method: 'POST',
      url: '/v1/tools',
      headers: authorized(),
      payload,
    });
    expect(answer.statusCode).toBe(422);
  });
});

/**
 * Where the reports of 0.1.0 said something else than its verdicts and gradings. Those of now say the same: faulty requests
 * count, a call that ended well in a rebuilt sandbox counts as recovered, and a row without an id has one name. A trend was
 * one of all jobs together.
 */
const MENDED: readonly (readonly [names: object, values: object])[] = [
  [
    { rollout: 'r-client', how: 'graded' },
    { calls: 3, client_calls: 2 },
  ],
  [
    { rollout: 'r-replay', how: null },
    { ok_calls: 3, recovered_calls: 1 },
  ],
  [{ row: 'row-5bedf0da40195f98' }, { row: 'row-7e60dc7202b4f833' }],
  [{ job: 'job-1', step: 1, rollouts: 10, calls: 15 }, { calls: 17 }],
  [{ unit: 'step', calls: 39 }, { excludedTrend: null }],
];

function mended(told: unknown): unknown {
  if (Array.isArray(told)) return told.map(mended);
  if (typeof told !== 'object' || told === null) return told;
  const inside = Object.entries(told).map(([field, value]) => [field, mended(value)] as const);
  const row: Readonly<Record<string, unknown>> = Object.fromEntries(inside);
  const changes = MENDED.filter(([names]) =>
    Object.entries(names).every(([field, value]) => Object.hasOwn(row, field) && row[field] === value),
  );
  return Object.assign({}, row, ...changes.map(([, values]) => values)) as unknown;
}

describe('reports over the journal of 0.1.0', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'faultline-old-journal-'));
  let whole: Ledger;
  let light: Ledger;
  beforeAll(async () => {
    cpSync(join(FIXTURE, 'journal'), join(dataDir, 'journal'), { recursive: true });
    whole = await Ledger.open(dataDir, 'whole');
    light = await Ledger.open(dataDir, 'light');
  });
  afterAll(() => {
    whole[Symbol.dispose]();
    light[Symbol.dispose]();
    rmSync(dataDir, { recursive: true });
  });

  it.each(queries)('have the rows that 0.1.0 had: $sql', async ({ sql, rows }) => {
    const found = await whole.rows(sql.replace('ORDER BY ALL', ''));
    expect(inOrder(found)).toMatchObject(inOrder(mended(rows)) as object);
  });

  it.each(stories)('tell the story that 0.1.0 told: $path', async ({ path, text }) => {
    const id = path.split('/').at(3) ?? '';
    expect(await storyOf(dataDir, id)).toMatchObject(mended(JSON.parse(text)) as object);
  });

  it.each([
    ['overview', overview],
    ['risk', risk],
    ['diagnostics', (ledger: Ledger, scope: object) => diagnostics(ledger, scope, null)],
  ])('find what 0.1.0 found: %s', async (name, report) => {
    const old = asked.find(({ path }) => path === `/v1/reports/${name}`);
    const { sentences: _prose, ...figures } = JSON.parse(old?.text ?? '') as { sentences?: unknown };
    expect(inOrder(withoutTies(await report(light, {})))).toMatchObject(
      inOrder(mended(withoutTies(figures))) as object,
    );
  });
});

it('a call of 0.1.0 that left the start queue and was sent again has the ending that came last', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'faultline-old-journal-'));
  for (const part of ['journal', 'blobs'])
    cpSync(join(FIXTURE, part), join(dataDir, part), { recursive: true });
  const ofOkCall = journalLines().filter(
    (line) => line.includes('"rollout":"r-ok"') && /sandbox_claimed|"call":"c1"/.test(line),
  );
  const again = ofOkCall.map((line) => line.replace('"rollout":"r-ok"', '"rollout":"r-queued"'));
  const last = join(dataDir, 'journal/20261128T044400000Z-000007.jsonl');
  writeFileSync(last, again.map((line) => `${line}\n`).join(''));
  await using later = await testServer({ catalog: oldCatalog(), past: { dataDir, sandboxes: [] } });
  rmSync(dataDir, { recursive: true });

  expect(again.map((line) => parseEvent(line).type)).toEqual([
    'sandbox_claimed',
    'call_intended',
    'call_finished',
  ]);
  const url = '/v1/rollouts/r-queued';
  const view = (await later.app.inject({ url, headers: authorized() })).json<object>();
  expect(view).toMatchObject({
    verdict: 'valid',
    reasons: [],
    calls: [{ call_id: 'c1', cause: 'completed' }],
  });
  const stored = await later.app.inject({ url: `${url}/calls/c1`, headers: authorized() });
  expect(stored.json()).toMatchObject({ output: 'given\n', outcome: { attribution: 'ok' } });
});
