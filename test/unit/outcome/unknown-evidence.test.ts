import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attribute } from '../../../src/outcome/attribute.ts';
import { causes, type CauseCode } from '../../../src/outcome/causes.ts';
import type { Evidence, PostMortem } from '../../../src/outcome/evidence.ts';
import type { Counters } from '../../../src/protocol/messages.ts';

/** Generated evidence: an infrastructure cause needs a fact from outside, and what is unknown never leads to one. */

type Ended = Extract<Evidence, { kind: 'ended' }>['record'];
type NotStarted = Extract<Evidence, { kind: 'not_started' }>['record'];

/** Small numbers, so that counters are often equal, and limits often reached. */
const counter = fc.constantFrom(-1, 0, 0, 1, 2, 3);
const bytes = fc.constantFrom(-1, 0, 100 * 2 ** 20, 512 * 2 ** 20);
const share = fc.constantFrom(0, 0.2, 0.49, 0.5, 0.9, 1, -1, Number.NaN);
const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined, freq: 3 });

/** Of a sandbox that has reached no limit, so that outside causes are generated often enough. */
const calm = fc.record({
  oomKills: fc.constantFrom(0, 1),
  memoryUsageBytes: fc.constant(1),
  memoryPeakBytes: fc.constant(1),
  memoryLimitBytes: fc.constant(512 * 2 ** 20),
  pidsCurrent: fc.constant(1),
  pidsLimit: fc.constant(256),
  pidsLimitHits: fc.constantFrom(0, 1),
  cpuUsageUs: fc.constant(0),
  cpuThrottledUs: fc.constant(0),
  cpuThrottledPeriods: fc.constant(0),
  rootFreeBytes: fc.constant(-1),
  rootFreeInodes: fc.constant(-1),
  memoryLimitHits: fc.constant(0),
  memoryReachedBytes: fc.constant(100 * 2 ** 20),
  pidsPeak: fc.constant(2),
});

const anyCounters = fc.record({
  oomKills: counter,
  memoryUsageBytes: bytes,
  memoryPeakBytes: bytes,
  memoryLimitBytes: bytes,
  pidsCurrent: counter,
  pidsLimit: fc.constantFrom(-1, 2, 256),
  pidsLimitHits: counter,
  cpuUsageUs: counter,
  cpuThrottledUs: counter,
  cpuThrottledPeriods: counter,
  rootFreeBytes: counter,
  rootFreeInodes: counter,
  memoryLimitHits: optional(counter),
  memoryReachedBytes: optional(bytes),
  pidsPeak: optional(fc.constantFrom(-1, 1, 2, 256)),
});

const counters = fc.oneof(anyCounters, calm);

const host = fc.record({
  memory: optional(fc.record({ ownLimitHits: counter, sandboxesUsed: share })),
  processes: optional(fc.record({ full: fc.boolean(), sandboxesUsed: share })),
});

const ended = fc.record({
  waitStatus: fc.constantFrom(0, 9, 256, 137 << 8),
  killReason: fc.constantFrom('none', 'timeout', 'output', 'cancelled', 'starved'),
  killReach: fc.constantFrom('none', 'tree', 'everything'),
  interpreter: fc.constantFrom('kept', 'lost', 'replaced'),
  starvedMs: fc.nat(200_000),
  before: counters,
  after: counters,
  sandboxesUsed: optional(share),
  paused: optional(fc.boolean()),
  host: optional(host),
  egress: optional(
    fc.record({
      connections: fc.nat(3),
      denied: fc.nat(3),
      disturbed: fc.boolean(),
      crashed: optional(fc.boolean()),
    }),
  ),
});

const notStarted = fc.record({
  errno: fc.constantFrom(2, 8, 11, 12, 13, 16, 22, 105),
  stage: fc.constantFrom('fork', 'exec'),
  killReach: fc.constantFrom('none', 'everything'),
  before: counters,
  after: optional(counters),
  host: optional(host),
});

const postMortem = fc.record({
  container: fc.constantFrom('running', 'exited', 'gone', 'unknown'),
  foreignKill: fc.boolean(),
  foreignPause: fc.boolean(),
  oomFlag: fc.boolean(),
  oomSince: optional(fc.boolean()),
  evidenceGap: fc.boolean(),
  engineDisturbed: fc.boolean(),
});

const need = fc.constantFrom('shell', 'python', 'program', 'files');
const time = optional(fc.constantFrom(-1, 0, 1, 50, 100, Number.NaN));
const evidence = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('ended'), need, record: ended }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('not_started'),
      need,
      offered: fc.boolean(),
      record: notStarted,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('sandbox_lost'),
      fault: fc.constantFrom('lost', 'agent_silent'),
      executed: fc.constantFrom('yes', 'no', 'unknown'),
      postMortem,
    }),
  },
  fc.record({ kind: fc.constant('turn_expired'), waitMs: time, heldUpMs: time }),
  fc.record({
    kind: fc.constant('rollout_over'),
    how: fc.constantFrom('life', 'deleted', 'graded'),
    lifeMs: time,
    commandsMs: time,
  }),
) as fc.Arbitrary<Evidence>;

const isInfra = (cause: CauseCode): boolean => causes[cause].attribution === 'infra';

const rose = (before: Counters, after: Counters | undefined, name: keyof Counters): number => {
  const [first, last] = [before[name] ?? -1, after?.[name] ?? -1];
  return first < 0 || last < 0 ? Number.NaN : last - first;
};
const lessThanHalf = (used: number | undefined): boolean => used !== undefined && used >= 0 && used < 0.5;

/** What the outside would have to say for this cause. Written from the issue, not from the code. */
const facts: Partial<Record<CauseCode, (record: Ended & NotStarted) => boolean>> = {
  host_memory: ({ before, after, host: seen }) =>
    rose(before, after, 'oomKills') > 0 &&
    rose(before, after, 'memoryLimitHits') === 0 &&
    ((before.memoryLimitHits ?? -1) > 0 ||
      ((after.memoryReachedBytes ?? -1) >= 0 &&
        (after.memoryReachedBytes ?? Infinity) < 0.98 * after.memoryLimitBytes)) &&
    seen?.memory?.ownLimitHits === 0 &&
    lessThanHalf(seen.memory.sandboxesUsed),
  egress_down: ({ before, after, egress }) =>
    egress?.disturbed === true && rose(before, after, 'oomKills') === 0,
  sandbox_paused: ({ paused, killReason }) => paused === true && killReason === 'timeout',
  cpu_starved: ({ sandboxesUsed, killReason }) => killReason === 'starved' && lessThanHalf(sandboxesUsed),
  host_processes: ({ before, after, host: seen }) =>
    lessThanHalf(seen?.processes?.sandboxesUsed) &&
    ((rose(before, after, 'pidsLimitHits') === 0 && seen?.processes?.full === true) ||
      (rose(before, after, 'pidsLimitHits') > 0 && (after.pidsPeak ?? Infinity) < after.pidsLimit)),
  // sandboxd's own number, before it started anything.
  agent_full: ({ errno }) => errno === 105,
};

const lossFacts: Partial<Record<CauseCode, (seen: PostMortem) => boolean>> = {
  sandbox_killed: (seen) => seen.foreignKill,
  sandbox_paused: (seen) => seen.foreignPause,
  engine_restarted: (seen) => seen.engineDisturbed && !seen.oomFlag,
};

function isStated(given: Evidence, cause: CauseCode): boolean {
  if (given.kind === 'sandbox_lost') return lossFacts[cause]?.(given.postMortem) ?? false;
  if (given.kind === 'turn_expired') return Number(given.heldUpMs) >= Number(given.waitMs) / 2;
  if (given.kind !== 'ended' && given.kind !== 'not_started') return false;
  return facts[cause]?.(given.record as Ended & NotStarted) ?? false;
}

/** Paths of the fields below `kind`, and the unknown forms that a field can take. */
function withEachFieldUnknown(given: object): object[] {
  return Object.entries(given).flatMap(([name, value]: [string, unknown]) => {
    if (['kind', 'need', 'stage', 'errno', 'killReason', 'executed', 'how', 'fault'].includes(name))
      return [];
    const { [name]: _, ...without } = given as Record<string, unknown>;
    const inside =
      typeof value === 'object' && value !== null
        ? withEachFieldUnknown(value).map((changed) => ({ ...given, [name]: changed }))
        : [];
    const negative = typeof value === 'number' ? [{ ...given, [name]: -1 }] : [];
    const needed = ['record', 'postMortem', 'before'].includes(name);
    const unknownContainer =
      name === 'container' ? [{ ...given, [name]: 'unknown' }] : needed ? [] : [without];
    return [...unknownContainer, ...negative, ...inside];
  });
}

/** One counter unknown in both readings: the source is missing. */
function withEachCounterUnknown(given: Evidence): object[] {
  if (given.kind !== 'ended' && given.kind !== 'not_started') return [];
  const { before, after } = given.record;
  return Object.keys(before).map((name) => ({
    ...given,
    record: {
      ...given.record,
      before: { ...before, [name]: -1 },
      ...(after && { after: { ...after, [name]: -1 } }),
    },
  }));
}

const RUNS = 20_000;

describe('unknown evidence', () => {
  it('an infrastructure cause is one that somebody outside states', () => {
    const seen = new Map<CauseCode, number>();
    fc.assert(
      fc.property(evidence, (given) => {
        const { cause } = attribute(given);
        if (!isInfra(cause)) return;
        seen.set(cause, (seen.get(cause) ?? 0) + 1);
        expect([cause, isStated(given, cause)]).toEqual([cause, true]);
      }),
      { numRuns: RUNS },
    );
    // Each of them was generated, so the property says something about it.
    expect([...seen.keys()].sort()).toEqual(
      [...new Set([...Object.keys(facts), ...Object.keys(lossFacts), 'queue_wait'])].sort(),
    );
  });

  it('forgetting any one field never turns another ending into infrastructure', () => {
    fc.assert(
      fc.property(evidence, (given) => {
        if (isInfra(attribute(given).cause)) return;
        const poorer = [...withEachFieldUnknown(given), ...withEachCounterUnknown(given)] as Evidence[];
        expect(poorer.find((one) => isInfra(attribute(one).cause))).toBeUndefined();
      }),
      { numRuns: RUNS / 4 },
    );
  });

  it('the sandbox’s own limits and floods are never excused', () => {
    const flood = fc.record({ kind: fc.constant('ended'), need, record: ended }) as fc.Arbitrary<
      Extract<Evidence, { kind: 'ended' }>
    >;
    fc.assert(
      fc.property(flood, (given) => {
        const { before, after, killReason } = given.record;
        const ownMemory = rose(before, after, 'oomKills') > 0 && rose(before, after, 'memoryLimitHits') > 0;
        if (!ownMemory && killReason !== 'output') return;
        expect(['memory_limit', 'output_limit']).toContain(attribute(given).cause);
      }),
      { numRuns: RUNS },
    );
  });
});
