/** Reports to frames and back. The tags are the wire's, the same as in `docker/sandboxd` (endings.c, main.c). */
import { encodeFrame, type Field, type Frame } from './framing.ts';
import {
  bytes,
  chosen,
  Malformed,
  number,
  numberAt,
  readOrNull,
  safeNumber,
  string,
  stringOrNull,
  text,
  u32,
} from './fields.ts';
import type {
  Counters,
  Ending,
  InterpreterFate,
  KillReach,
  KillReason,
  Report,
  StartFailure,
  StreamRecord,
} from './messages.ts';

const REPORT_TYPES = {
  state: 16,
  started: 17,
  'start-failed': 18,
  exited: 19,
  forgotten: 20,
} as const satisfies Record<Report['type'], number>;
const REPORT_TAG = {
  waitStatus: 1,
  killReason: 2,
  killReach: 3,
  interpreter: 4,
  raised: 5,
  errno: 6,
  startedAtMs: 7,
  exitedAtMs: 8,
  stage: 9,
  before: 10,
  after: 11,
  stdout: 12,
  stderr: 13,
  payload: 14,
  pid: 15,
  version: 20,
  shell: 21,
  python: 22,
  nowMs: 23,
  running: 24,
  lastCall: 25,
  refusedFrames: 26,
  starvedMs: 27,
} as const;

const KILL_REASONS: readonly KillReason[] = ['none', 'timeout', 'output', 'cancelled', 'starved'];
const KILL_REACHES: readonly KillReach[] = ['none', 'tree', 'everything'];
const FATES: readonly InterpreterFate[] = ['kept', 'lost', 'replaced'];
const STAGES: readonly StartFailure['stage'][] = ['fork', 'exec'];

/** In the wire's order; `satisfies` keeps the list and the interface the same set. */
const COUNTER_NAMES = Object.keys({
  oomKills: 0,
  memoryUsageBytes: 0,
  memoryPeakBytes: 0,
  memoryLimitBytes: 0,
  pidsCurrent: 0,
  pidsLimit: 0,
  pidsLimitHits: 0,
  cpuUsageUs: 0,
  cpuThrottledUs: 0,
  cpuThrottledPeriods: 0,
  rootFreeBytes: 0,
  rootFreeInodes: 0,
} satisfies Record<keyof Counters, 0>) as readonly (keyof Counters)[];

/** sandboxd's side of the wire, for tests and for stand-ins of sandboxd. */
export function encodeReport(report: Report, instance: string): Buffer {
  return encodeFrame({
    instance,
    type: REPORT_TYPES[report.type],
    call: report.type === 'state' ? 0 : report.call,
    fields: reportFields(report),
  });
}

function reportFields(report: Report): Field[] {
  switch (report.type) {
    case 'state':
      return [
        text(REPORT_TAG.version, report.version),
        ...(report.shell === null ? [] : [text(REPORT_TAG.shell, report.shell)]),
        ...(report.python === null ? [] : [text(REPORT_TAG.python, report.python)]),
        number(REPORT_TAG.nowMs, report.nowMs),
        { tag: REPORT_TAG.running, value: Buffer.concat(report.running.map(u32)) },
        number(REPORT_TAG.lastCall, report.lastCall),
        number(REPORT_TAG.refusedFrames, report.refusedFrames),
        countersField(REPORT_TAG.before, report.counters),
      ];
    case 'started':
      return [number(REPORT_TAG.startedAtMs, report.startedAtMs), number(REPORT_TAG.pid, report.pid)];
    case 'start-failed':
      return [
        number(REPORT_TAG.killReach, KILL_REACHES.indexOf(report.killReach)),
        number(REPORT_TAG.errno, report.errno),
        number(REPORT_TAG.stage, STAGES.indexOf(report.stage)),
        countersField(REPORT_TAG.before, report.before),
        countersField(REPORT_TAG.after, report.after),
      ];
    case 'exited':
      return endingFields(report);
    case 'forgotten':
      return [];
  }
}

function endingFields(ending: Ending): Field[] {
  return [
    number(REPORT_TAG.waitStatus, ending.waitStatus),
    number(REPORT_TAG.killReason, KILL_REASONS.indexOf(ending.killReason)),
    number(REPORT_TAG.killReach, KILL_REACHES.indexOf(ending.killReach)),
    number(REPORT_TAG.interpreter, FATES.indexOf(ending.interpreter)),
    number(REPORT_TAG.raised, ending.raised ? 1 : 0),
    number(REPORT_TAG.errno, ending.errno),
    number(REPORT_TAG.startedAtMs, ending.startedAtMs),
    number(REPORT_TAG.exitedAtMs, ending.exitedAtMs),
    number(REPORT_TAG.starvedMs, ending.starvedMs),
    countersField(REPORT_TAG.before, ending.before),
    countersField(REPORT_TAG.after, ending.after),
    streamField(REPORT_TAG.stdout, ending.stdout),
    streamField(REPORT_TAG.stderr, ending.stderr),
    { tag: REPORT_TAG.payload, value: ending.payload },
  ];
}

function countersField(tag: number, counters: Counters): Field {
  return { tag, value: Buffer.concat(COUNTER_NAMES.map((name) => number(0, counters[name]).value)) };
}

function streamField(tag: number, stream: StreamRecord): Field {
  const total = number(0, stream.totalBytes).value;
  return {
    tag,
    value: Buffer.concat([total, stream.sha256, u32(stream.head.length), stream.head, stream.tail]),
  };
}

/** What sandboxd said, or null for a frame that is no report. */
export function decodeReport(frame: Frame): Report | null {
  return readOrNull(() => readReport(frame));
}

function countersAt(frame: Frame, tag: number): Counters {
  const value = bytes(frame, tag);
  if (value.length !== 8 * COUNTER_NAMES.length) throw new Malformed();
  const pairs = COUNTER_NAMES.map((name, i) => [name, safeNumber(value.readBigInt64BE(8 * i))] as const);
  return Object.fromEntries(pairs) as Record<keyof Counters, number>;
}

function streamAt(frame: Frame, tag: number): StreamRecord {
  const value = bytes(frame, tag);
  if (value.length < 44) throw new Malformed();
  const headEnd = 44 + value.readUInt32BE(40);
  const totalBytes = safeNumber(value.readBigInt64BE(0));
  if (headEnd > value.length || totalBytes < value.length - 44) throw new Malformed();
  const head = value.subarray(44, headEnd);
  return { head, tail: value.subarray(headEnd), totalBytes, sha256: value.subarray(8, 40) };
}

function runningAt(frame: Frame): number[] {
  const value = bytes(frame, REPORT_TAG.running);
  if (value.length % 4 !== 0) throw new Malformed();
  return Array.from({ length: value.length / 4 }, (_, i) => value.readUInt32BE(4 * i));
}

function readReport(frame: Frame): Report {
  const { call } = frame;
  switch (frame.type) {
    case REPORT_TYPES.state:
      return readState(frame);
    case REPORT_TYPES.started:
      return {
        type: 'started',
        call,
        pid: numberAt(frame, REPORT_TAG.pid),
        startedAtMs: numberAt(frame, REPORT_TAG.startedAtMs),
      };
    case REPORT_TYPES['start-failed']:
      return {
        type: 'start-failed',
        call,
        errno: numberAt(frame, REPORT_TAG.errno),
        stage: chosen(frame, REPORT_TAG.stage, STAGES),
        killReach: chosen(frame, REPORT_TAG.killReach, KILL_REACHES),
        before: countersAt(frame, REPORT_TAG.before),
        after: countersAt(frame, REPORT_TAG.after),
      };
    case REPORT_TYPES.exited:
      return readEnding(frame);
    case REPORT_TYPES.forgotten:
      return { type: 'forgotten', call };
    default:
      throw new Malformed();
  }
}

function readState(frame: Frame): Report {
  return {
    type: 'state',
    instance: frame.instance,
    version: string(frame, REPORT_TAG.version),
    shell: stringOrNull(frame, REPORT_TAG.shell),
    python: stringOrNull(frame, REPORT_TAG.python),
    nowMs: numberAt(frame, REPORT_TAG.nowMs),
    running: runningAt(frame),
    lastCall: numberAt(frame, REPORT_TAG.lastCall),
    refusedFrames: numberAt(frame, REPORT_TAG.refusedFrames),
    counters: countersAt(frame, REPORT_TAG.before),
  };
}

function readEnding(frame: Frame): Ending {
  return {
    type: 'exited',
    call: frame.call,
    waitStatus: numberAt(frame, REPORT_TAG.waitStatus),
    killReason: chosen(frame, REPORT_TAG.killReason, KILL_REASONS),
    killReach: chosen(frame, REPORT_TAG.killReach, KILL_REACHES),
    interpreter: chosen(frame, REPORT_TAG.interpreter, FATES),
    raised: numberAt(frame, REPORT_TAG.raised) === 1,
    errno: numberAt(frame, REPORT_TAG.errno),
    startedAtMs: numberAt(frame, REPORT_TAG.startedAtMs),
    exitedAtMs: numberAt(frame, REPORT_TAG.exitedAtMs),
    starvedMs: numberAt(frame, REPORT_TAG.starvedMs),
    stdout: streamAt(frame, REPORT_TAG.stdout),
    stderr: streamAt(frame, REPORT_TAG.stderr),
    payload: bytes(frame, REPORT_TAG.payload),
    before: countersAt(frame, REPORT_TAG.before),
    after: countersAt(frame, REPORT_TAG.after),
  };
}
