import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { FileJournal } from '../../src/journal/file-journal.ts';
import { systemClock as clock } from '../../src/kernel/clock.ts';
import { causes, type CauseCode } from '../../src/outcome/causes.ts';
import { indexFile, VerdictIndex } from '../../src/rollouts/verdict-index.ts';

/**
 * The verdict index at many rollouts, in processor time, so that a busy machine doesn't change it: bytes per rollout, time per lookup, start with nothing to read, start with a tail of the
 * journal to read, and making it again from the whole journal. `node test/bench/verdict-index.ts [rollouts] [calls of each]`
 */

const rollouts = Number(process.argv[2] ?? 500_000);
const callsOfEach = Number(process.argv[3] ?? 2);
const LOOKUPS = 20_000;
const TAIL = 2_000;

const log = { info: () => undefined, warn: () => undefined, error: console.error };
const dataDir = mkdtempSync(join(tmpdir(), 'faultline-bench-index-'));

/** Milliseconds of processor time. */
async function timed<Result>(work: () => Promise<Result> | Result): Promise<[Result, number]> {
  const began = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(began);
  return [result, (user + system) / 1000];
}

const idOf = (ids: string[], nth: number): string => (ids[nth] ??= `trace_${randomUUID()}`);

async function append(journal: FileJournal, ids: string[], nth: number): Promise<void> {
  const rollout = idOf(ids, nth);
  const opened = { rollout, task: 'base', image: 'base', policy: 'default', job: 'base' };
  const events = [journal.append({ type: 'rollout_opened', ...opened }, { durable: false })];
  for (let call = 0; call < callsOfEach; call += 1) {
    const cause: CauseCode = nth % 100 === 0 && call === 0 ? 'engine_down' : 'completed';
    const { attribution, status } = causes[cause];
    const named = { rollout, call: `call_${String(call)}`, tool: 'shell', argumentsSha256: 'f'.repeat(64) };
    const outcome = { attribution, cause, executed: 'yes' } as const;
    const evidence = { kind: 'lost_before', cause } as const;
    const intent = { number: call, sandbox: 's', arguments: { command: 'ls' } };
    events.push(journal.append({ type: 'call_intended', ...named, ...intent }, { durable: false }));
    const ending = { number: call, outcome, evidence, status, output: 'ok', result: null, durationMs: 5 };
    events.push(journal.append({ type: 'call_finished', ...named, ...ending }, { durable: false }));
  }
  const how = { how: 'idle', verdict: 'valid', reasons: [], counts: {} } as const;
  events.push(journal.append({ type: 'rollout_ended', rollout, ...how }, { durable: false }));
  await Promise.all(events);
}

async function fill(journal: FileJournal, ids: string[], from: number, to: number): Promise<void> {
  const AT_ONCE = 500;
  for (let nth = from; nth < to; nth += AT_ONCE)
    await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, to - nth) }, (_, at) => append(journal, ids, nth + at)),
    );
}

const openIndex = (journal: FileJournal, firstStart: boolean): VerdictIndex =>
  VerdictIndex.open({ dataDir, journal, firstStart, clock, log });

try {
  const ids: string[] = [];
  let journal = await FileJournal.open({ dataDir, clock });
  let index = openIndex(journal, true);
  await index.catchUp();
  const [, written] = await timed(() => fill(journal, ids, 0, rollouts));
  await index[Symbol.asyncDispose]();
  const bytes = statSync(indexFile(dataDir)).size;

  // A tail that the index has not read: as after a kill.
  await fill(journal, ids, rollouts, rollouts + TAIL);
  await journal[Symbol.asyncDispose]();
  journal = await FileJournal.open({ dataDir, clock });
  const [, tail] = await timed(async () => {
    index = openIndex(journal, false);
    await index.catchUp();
  });
  await index[Symbol.asyncDispose]();
  const [, start] = await timed(async () => {
    index = openIndex(journal, false);
    await index.catchUp();
  });
  const pick = (): string => ids[Math.floor(Math.random() * ids.length)] ?? '';
  const [, found] = await timed(() => {
    for (let nth = 0; nth < LOOKUPS; nth += 1)
      if (index.find(pick()).kind !== 'kept') throw new Error('a rollout is missing');
  });
  const [, absent] = await timed(() => {
    for (let nth = 0; nth < LOOKUPS; nth += 1)
      if (index.find(`trace_${randomUUID()}`).kind !== 'never_seen') throw new Error('not complete');
  });
  await index[Symbol.asyncDispose]();
  rmSync(indexFile(dataDir));
  const [, again] = await timed(async () => {
    index = openIndex(journal, false);
    await index.catchUp();
  });
  const count = await index.count();
  await index[Symbol.asyncDispose]();
  await journal[Symbol.asyncDispose]();
  console.log({
    rollouts: count,
    calls: rollouts * callsOfEach,
    fileMB: Math.round(bytes / 2 ** 20),
    bytesPerRollout: Math.round(bytes / rollouts),
    microsecondsPerLookup: { found: (found * 1000) / LOOKUPS, absent: (absent * 1000) / LOOKUPS },
    startMs: Math.round(start),
    startAfterKillMs: Math.round(tail),
    tailEvents: TAIL * (2 + 2 * callsOfEach),
    rebuildMs: Math.round(again),
    writeMs: Math.round(written),
    rssMB: Math.round(process.memoryUsage().rss / 2 ** 20),
  });
} finally {
  rmSync(dataDir, { recursive: true });
}
