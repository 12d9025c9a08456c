/** Frames to reports. */
import {
  bytes,
  chosen,
  Malformed,
  numberAt,
  optional,
  readOrNull,
  safeNumber,
  string,
  stringOrNull,
} from './fields.ts';
import type { Frame } from './framing.ts';
import type {
  Counters,
  Ending,
  FileFacts,
  ReadPoint,
  Report,
  StartFailure,
  StreamRecord,
  Unkept,
} from './messages.ts';
import {
  COUNTER_PLACES,
  FACTS,
  FIRST_COUNTERS,
  INTERPRETER_FATES,
  KILL_REACHES,
  KILL_REASONS,
  REPORT_TAGS,
  REPORT_TYPES,
  START_STAGES,
  UNKEPT_KINDS,
} from './tags.ts';

/** Null for a frame that is no report: an unknown type, or a field that is missing, twice there or of a wrong size. */
export function decodeReport(frame: Frame): Report | null {
  return readOrNull(() => readReport(frame));
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
        pid: numberAt(frame, REPORT_TAGS.pid),
        startedAtMs: numberAt(frame, REPORT_TAGS.startedAtMs),
      };
    case REPORT_TYPES['start-failed']:
      return readStartFailure(frame);
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
    version: string(frame, REPORT_TAGS.version),
    shell: stringOrNull(frame, REPORT_TAGS.shell),
    python: stringOrNull(frame, REPORT_TAGS.python),
    nowMs: numberAt(frame, REPORT_TAGS.nowMs),
    running: runningAt(frame),
    lastCall: numberAt(frame, REPORT_TAGS.lastCall),
    refusedFrames: numberAt(frame, REPORT_TAGS.refusedFrames),
    counters: countersAt(frame, 'before'),
  };
}

function readStartFailure(frame: Frame): StartFailure {
  return {
    type: 'start-failed',
    call: frame.call,
    errno: numberAt(frame, REPORT_TAGS.errno),
    stage: chosen(frame, REPORT_TAGS.stage, START_STAGES),
    killReach: chosen(frame, REPORT_TAGS.killReach, KILL_REACHES),
    before: countersAt(frame, 'before'),
    after: countersAt(frame, 'after'),
  };
}

function readEnding(frame: Frame): Ending {
  const facts = factsAt(frame);
  return {
    type: 'exited',
    call: frame.call,
    waitStatus: numberAt(frame, REPORT_TAGS.waitStatus),
    killReason: chosen(frame, REPORT_TAGS.killReason, KILL_REASONS),
    killReach: chosen(frame, REPORT_TAGS.killReach, KILL_REACHES),
    interpreter: chosen(frame, REPORT_TAGS.interpreter, INTERPRETER_FATES),
    raised: numberAt(frame, REPORT_TAGS.raised) === 1,
    errno: numberAt(frame, REPORT_TAGS.errno),
    startedAtMs: numberAt(frame, REPORT_TAGS.startedAtMs),
    exitedAtMs: numberAt(frame, REPORT_TAGS.exitedAtMs),
    starvedMs: numberAt(frame, REPORT_TAGS.starvedMs),
    stdout: streamAt(frame, REPORT_TAGS.stdout),
    stderr: streamAt(frame, REPORT_TAGS.stderr),
    ...orderAt(frame),
    ...unkeptAt(frame),
    payload: bytes(frame, REPORT_TAGS.payload),
    ...(facts !== null && { facts }),
    before: countersAt(frame, 'before'),
    after: countersAt(frame, 'after'),
  };
}

/** Those of the second field are left out where the report has none. Places beyond the known ones are a newer sandboxd's. */
function countersAt(frame: Frame, when: 'before' | 'after'): Counters {
  const first = bytes(frame, REPORT_TAGS[when]);
  const more = optional(frame, REPORT_TAGS[`${when}More`]);
  if (first.length !== 8 * FIRST_COUNTERS || (more !== null && more.length % 8 !== 0)) throw new Malformed();
  const value = Buffer.concat([first, more ?? Buffer.alloc(0)]);
  const pairs = Object.entries(COUNTER_PLACES)
    .filter(([, place]) => 8 * place < value.length)
    .map(([name, place]) => [name, safeNumber(value.readBigInt64BE(8 * place))] as const);
  return Object.fromEntries(pairs) as unknown as Counters;
}

/** Written with the model's rights: what is no fact, or has an impossible value, is left out. */
function factsAt(frame: Frame): FileFacts | null {
  const value = optional(frame, REPORT_TAGS.facts);
  if (value === null) return null;
  const facts = Object.entries(FACTS).flatMap(([name, number]) => {
    for (let at = 0; at + 9 <= value.length; at += 9) {
      const told = value.readBigUInt64BE(at + 1);
      if (value[at] === number && told <= BigInt(Number.MAX_SAFE_INTEGER)) return [[name, Number(told)]];
    }
    return [];
  });
  return Object.fromEntries(facts) as FileFacts;
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

function orderAt(frame: Frame): Pick<Ending, 'order'> {
  const value = optional(frame, REPORT_TAGS.order);
  if (value === null) return {};
  if (value.length % 16 !== 0) throw new Malformed();
  const order: ReadPoint[] = [];
  let [stdout, stderr] = [0, 0];
  for (let at = 0; at < value.length; at += 16) {
    const point = [safeNumber(value.readBigInt64BE(at)), safeNumber(value.readBigInt64BE(at + 8))] as const;
    if (point[0] < stdout || point[1] < stderr) throw new Malformed();
    [stdout, stderr] = point;
    order.push(point);
  }
  return { order };
}

/** Kinds of a later version are left out. */
function unkeptAt(frame: Frame): Pick<Ending, 'unkept'> {
  const value = optional(frame, REPORT_TAGS.unkept);
  if (value === null) return {};
  const unkept: Unkept[] = [];
  for (let at = 0; at < value.length;) {
    if (value.length - at < 5) throw new Malformed();
    const end = at + 5 + value.readUInt32BE(at + 1);
    if (end > value.length) throw new Malformed();
    const kind = (Object.keys(UNKEPT_KINDS) as Unkept['kind'][]).find(
      (one) => UNKEPT_KINDS[one] === value[at],
    );
    if (kind !== undefined) unkept.push({ kind, name: value.toString('utf8', at + 5, end) });
    at = end;
  }
  return { unkept };
}

function runningAt(frame: Frame): number[] {
  const value = bytes(frame, REPORT_TAGS.running);
  if (value.length % 4 !== 0) throw new Malformed();
  return Array.from({ length: value.length / 4 }, (_, i) => value.readUInt32BE(4 * i));
}
