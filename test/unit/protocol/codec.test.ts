import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCommand } from '../../../src/protocol/command-codec.ts';
import { FrameDecoder, type Frame } from '../../../src/protocol/framing.ts';
import type {
  Command,
  Counters,
  Ending,
  ReadPoint,
  FileFact,
  FileFacts,
  Report,
  StreamRecord,
  Unkept,
  Work,
} from '../../../src/protocol/messages.ts';
import { FACTS } from '../../../src/protocol/tags.ts';
import { decodeReport } from '../../../src/protocol/report-codec.ts';
import { decodeCommand, encodeReport } from '../support/sandboxd-codec.ts';

const instance = '0123456789abcdef'.repeat(2);

function frameOf(bytes: Buffer): Frame {
  const [frame] = new FrameDecoder().push(bytes);
  if (frame === undefined) throw new Error('no frame');
  return frame;
}

const natural = fc.maxSafeNat();
const call = fc.integer({ min: 1, max: 0xffff_ffff });
const string = fc.string({ unit: 'grapheme', maxLength: 40 });
/** Some from the home directory, some with bytes that are not UTF-8. */
const path = fc.tuple(fc.constantFrom('', '~', '~/', 'a\udcff'), string).map(([start, rest]) => start + rest);
const data = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));

const work: fc.Arbitrary<Work> = fc.oneof(
  fc.record({ kind: fc.constant('shell' as const), command: string }),
  fc.record({ kind: fc.constant('python' as const), code: string }),
  fc.record({ kind: fc.constant('python' as const), code: string, asShell: fc.constant(true) }),
  fc.record({
    kind: fc.constant('exec' as const),
    argv: fc.array(string, { maxLength: 5 }),
    env: fc.array(string, { maxLength: 5 }),
    cwd: fc.option(string),
    stdin: data,
  }),
  fc.record({ kind: fc.constant('read-file' as const), path, offset: natural, length: natural }),
  fc.record({ kind: fc.constant('write-file' as const), path, offset: natural, data, mode: natural }),
  fc.record({ kind: fc.constant('list-files' as const), path, depth: natural, limit: natural }),
  fc.record({
    kind: fc.constant('search-files' as const),
    path,
    pattern: string,
    glob: fc.option(string),
    limit: natural,
  }),
  fc.constant({ kind: 'probe' as const }),
);

const commands: fc.Arbitrary<Command> = fc.oneof(
  fc.constant({ type: 'resume' as const }),
  fc.record({
    type: fc.constant('start' as const),
    call,
    work,
    limits: fc.record(
      { timeoutMs: natural, keepBytes: natural, outputBytes: natural, longestMs: natural },
      { requiredKeys: ['timeoutMs', 'keepBytes', 'outputBytes'] },
    ),
  }),
  fc.record({ type: fc.constant('acknowledge' as const), call }),
  fc.record({ type: fc.constant('cancel' as const), call }),
);

const counter = fc.integer({ min: -1, max: Number.MAX_SAFE_INTEGER });
const firstCounters = {
  oomKills: counter,
  memoryUsageBytes: counter,
  memoryPeakBytes: counter,
  memoryLimitBytes: counter,
  pidsCurrent: counter,
  pidsLimit: counter,
  pidsLimitHits: counter,
  cpuUsageUs: counter,
  cpuThrottledUs: counter,
  cpuThrottledPeriods: counter,
  rootFreeBytes: counter,
  rootFreeInodes: counter,
};
/** Of this version and of 0.1.0. */
const counters: fc.Arbitrary<Counters> = fc.oneof(
  fc.record({ ...firstCounters, memoryLimitHits: counter, pidsPeak: counter, memoryReachedBytes: counter }),
  fc.record(firstCounters),
);

const stream: fc.Arbitrary<StreamRecord> = fc
  .record({ head: data, tail: data, more: fc.nat(), sha256: fc.uint8Array({ minLength: 32, maxLength: 32 }) })
  .map(({ head, tail, more, sha256 }) => ({
    head,
    tail,
    totalBytes: head.length + tail.length + more,
    sha256: Buffer.from(sha256),
  }));

const order: fc.Arbitrary<ReadPoint[]> = fc
  .array(fc.tuple(fc.nat(0xffff_ffff), fc.nat(0xffff_ffff)), { maxLength: 50 })
  .map((steps) => {
    let [stdout, stderr] = [0, 0];
    return steps.map(([more, other]): ReadPoint => [(stdout += more), (stderr += other)]);
  });
const unkept: fc.Arbitrary<Unkept> = fc.record({
  kind: fc.constantFrom(
    ...([
      'state',
      'variable',
      'variables',
      'directory',
      'start-directory',
    ] as const satisfies Unkept['kind'][]),
  ),
  name: string,
});

const facts = fc
  .array(fc.tuple(fc.constantFrom(...(Object.keys(FACTS) as FileFact[])), natural), { maxLength: 5 })
  .map((pairs): FileFacts => Object.fromEntries(pairs));

const ending = {
  type: fc.constant('exited' as const),
  call,
  waitStatus: fc.integer({ min: 0, max: 0xffff }),
  killReason: fc.constantFrom(...(['none', 'timeout', 'output', 'cancelled', 'starved'] as const)),
  killReach: fc.constantFrom('none' as const, 'tree' as const, 'everything' as const),
  interpreter: fc.constantFrom('kept' as const, 'lost' as const, 'replaced' as const),
  raised: fc.boolean(),
  errno: fc.integer({ min: 0, max: 133 }),
  startedAtMs: natural,
  starvedMs: natural,
  exitedAtMs: natural,
  stdout: stream,
  stderr: stream,
  payload: data,
  before: counters,
  after: counters,
};
const endings: fc.Arbitrary<Ending> = fc.oneof(
  fc.record(ending),
  fc.record({ ...ending, order, facts, unkept: fc.array(unkept, { maxLength: 5 }) }),
);

const reports: fc.Arbitrary<Report> = fc.oneof(
  endings,
  fc.record({
    type: fc.constant('start-failed' as const),
    call,
    errno: fc.nat(133),
    stage: fc.constantFrom('fork' as const, 'exec' as const),
    killReach: fc.constantFrom('none' as const, 'everything' as const),
    before: counters,
    after: counters,
  }),
  fc.record({ type: fc.constant('started' as const), call, pid: fc.nat(), startedAtMs: natural }),
  fc.record({ type: fc.constant('forgotten' as const), call }),
  fc.record({
    type: fc.constant('state' as const),
    instance: fc.constant(instance),
    version: string,
    shell: fc.option(string),
    python: fc.option(string),
    nowMs: natural,
    running: fc.array(call, { maxLength: 8 }),
    lastCall: fc.nat(0xffff_ffff),
    refusedFrames: natural,
    counters,
  }),
);

describe('messages', () => {
  it('to sandboxd come back as they went', () => {
    fc.assert(
      fc.property(commands, (command) => {
        expect(decodeCommand(frameOf(encodeCommand(command, instance)))).toEqual(command);
      }),
    );
  });

  it('from a newer sandboxd may have more fields', () => {
    fc.assert(
      fc.property(reports, data, (report, value) => {
        const frame = frameOf(encodeReport(report, instance));
        const newer = { ...frame, fields: [...frame.fields, { tag: 200, value }] };
        expect(decodeReport(newer)).toEqual(report);
      }),
    );
  });

  it('from sandboxd come back as they went', () => {
    fc.assert(
      fc.property(reports, (report) => {
        expect(decodeReport(frameOf(encodeReport(report, instance)))).toEqual(report);
      }),
    );
  });
});

describe('frames that are no messages', () => {
  const anything: fc.Arbitrary<Frame> = fc.record({
    instance: fc.constant(instance),
    type: fc.integer({ min: 0, max: 30 }),
    call,
    fields: fc.array(fc.record({ tag: fc.integer({ min: 0, max: 30 }), value: data }), { maxLength: 20 }),
  });

  it('are null or a message, never a throw', () => {
    fc.assert(
      fc.property(anything, (frame) => {
        decodeReport(frame);
        decodeCommand(frame);
      }),
      { numRuns: 500 },
    );
  });

  it('are reports with any one field missing, twice, or a byte longer', () => {
    fc.assert(
      fc.property(fc.record(ending), fc.nat(12), (ending, index) => {
        const frame = frameOf(encodeReport(ending, instance));
        const field = frame.fields[index];
        if (field === undefined) throw new Error('an ending has 13 fields');
        const without = frame.fields.filter((other) => other !== field);
        const longer = { tag: field.tag, value: Buffer.concat([field.value, Buffer.of(1)]) };
        // Reports of 0.1.0 have no second fields of counters.
        const later = [40, 41].includes(field.tag);
        expect(decodeReport({ ...frame, fields: without }) === null).toBe(!later);
        expect(decodeReport({ ...frame, fields: [...frame.fields, field] })).toBeNull();
        // Payload and streams may be longer; a stream may not hold more than its total.
        const open = [12, 13, 14].includes(field.tag);
        expect(open || decodeReport({ ...frame, fields: [...without, longer] }) === null).toBe(true);
      }),
    );
  });

  it.each([0, 1, 2, 15, 21, 255])('have type %i, which no report has', (type) => {
    expect(decodeReport({ instance, type, call: 1, fields: [] })).toBeNull();
  });

  it('have a stream whose head claims more bytes than there are', () => {
    const ending = fc.sample(endings, 1)[0];
    if (ending === undefined) throw new Error('no sample');
    const frame = frameOf(encodeReport(ending, instance));
    const fields = frame.fields.map((field) => {
      if (field.tag !== 12) return field;
      const value = Buffer.from(field.value);
      value.writeUInt32BE(0xffff_ffff, 40);
      return { tag: 12, value };
    });
    expect(decodeReport({ ...frame, fields })).toBeNull();
  });
});
