/**
 * sandboxd's side of the protocol, for stand-ins of sandboxd and for tests of the controller's side: reading commands and
 * writing reports.
 */
import {
  all,
  bytes,
  Malformed,
  number,
  numberAt,
  optional,
  readOrNull,
  string,
  stringOrNull,
  text,
} from '../../../src/protocol/fields.ts';
import { fileNameText } from '../../../src/protocol/file-name.ts';
import { encodeFrame, type Field, type Frame } from '../../../src/protocol/framing.ts';
import type {
  CallLimits,
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
import {
  COMMAND_TAGS,
  COMMAND_TYPES,
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
  WORK_KINDS,
} from '../../../src/protocol/tags.ts';

/** Null for a frame that is no command. */
export function decodeCommand(frame: Frame): Command | null {
  return readOrNull(() => readCommand(frame));
}

function readCommand(frame: Frame): Command {
  const { call } = frame;
  switch (frame.type) {
    case COMMAND_TYPES.resume:
      return { type: 'resume' };
    case COMMAND_TYPES.start:
      return { type: 'start', call, work: readWork(frame), limits: readLimits(frame) };
    case COMMAND_TYPES.acknowledge:
      return { type: 'acknowledge', call };
    case COMMAND_TYPES.cancel:
      return { type: 'cancel', call };
    default:
      throw new Malformed();
  }
}

function readLimits(frame: Frame): CallLimits {
  const longest = optional(frame, COMMAND_TAGS.longestMs);
  return {
    ...(longest !== null && { longestMs: numberAt(frame, COMMAND_TAGS.longestMs) }),
    timeoutMs: numberAt(frame, COMMAND_TAGS.timeoutMs),
    keepBytes: numberAt(frame, COMMAND_TAGS.keepBytes),
    outputBytes: numberAt(frame, COMMAND_TAGS.outputBytes),
  };
}

function readWork(frame: Frame): Work {
  switch (numberAt(frame, COMMAND_TAGS.kind)) {
    case WORK_KINDS.shell:
      return { kind: 'shell', command: string(frame, COMMAND_TAGS.text) };
    case WORK_KINDS.python:
      return {
        kind: 'python',
        code: string(frame, COMMAND_TAGS.text),
        ...(all(frame, COMMAND_TAGS.asShell).length > 0 && { asShell: true }),
      };
    case WORK_KINDS.exec:
      return {
        kind: 'exec',
        argv: all(frame, COMMAND_TAGS.argument).map((value) => value.toString('utf8')),
        env: all(frame, COMMAND_TAGS.variable).map((value) => value.toString('utf8')),
        cwd: stringOrNull(frame, COMMAND_TAGS.directory),
        stdin: bytes(frame, COMMAND_TAGS.data),
      };
    case WORK_KINDS.probe:
      return { kind: 'probe' };
    default:
      return readFileWork(frame);
  }
}

function readFileWork(frame: Frame): Work {
  const path = fileNameText(optional(frame, COMMAND_TAGS.homePath) ?? bytes(frame, COMMAND_TAGS.path));
  const at = (name: keyof typeof COMMAND_TAGS): number => numberAt(frame, COMMAND_TAGS[name]);
  switch (at('kind')) {
    case WORK_KINDS['read-file']:
      return { kind: 'read-file', path, offset: at('offset'), length: at('length') };
    case WORK_KINDS['write-file']:
      return {
        kind: 'write-file',
        path,
        offset: at('offset'),
        data: bytes(frame, COMMAND_TAGS.data),
        mode: at('mode'),
      };
    case WORK_KINDS['list-files']:
      return { kind: 'list-files', path, depth: at('depth'), limit: at('limit') };
    case WORK_KINDS['search-files']:
      return {
        kind: 'search-files',
        path,
        pattern: string(frame, COMMAND_TAGS.pattern),
        glob: stringOrNull(frame, COMMAND_TAGS.glob),
        limit: at('limit'),
      };
    default:
      throw new Malformed();
  }
}

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
        text(REPORT_TAGS.version, report.version),
        ...(report.shell === null ? [] : [text(REPORT_TAGS.shell, report.shell)]),
        ...(report.python === null ? [] : [text(REPORT_TAGS.python, report.python)]),
        number(REPORT_TAGS.nowMs, report.nowMs),
        { tag: REPORT_TAGS.running, value: Buffer.concat(report.running.map(u32)) },
        number(REPORT_TAGS.lastCall, report.lastCall),
        number(REPORT_TAGS.refusedFrames, report.refusedFrames),
        ...countersFields('before', report.counters),
      ];
    case 'started':
      return [number(REPORT_TAGS.startedAtMs, report.startedAtMs), number(REPORT_TAGS.pid, report.pid)];
    case 'start-failed':
      return [
        number(REPORT_TAGS.killReach, KILL_REACHES[report.killReach]),
        number(REPORT_TAGS.errno, report.errno),
        number(REPORT_TAGS.stage, START_STAGES[report.stage]),
        ...countersFields('before', report.before),
        ...countersFields('after', report.after),
      ];
    case 'exited':
      return endingFields(report);
    case 'forgotten':
      return [];
  }
}

function endingFields(ending: Ending): Field[] {
  return [
    number(REPORT_TAGS.waitStatus, ending.waitStatus),
    number(REPORT_TAGS.killReason, KILL_REASONS[ending.killReason]),
    number(REPORT_TAGS.killReach, KILL_REACHES[ending.killReach]),
    number(REPORT_TAGS.interpreter, INTERPRETER_FATES[ending.interpreter]),
    number(REPORT_TAGS.raised, ending.raised ? 1 : 0),
    number(REPORT_TAGS.errno, ending.errno),
    number(REPORT_TAGS.startedAtMs, ending.startedAtMs),
    number(REPORT_TAGS.exitedAtMs, ending.exitedAtMs),
    number(REPORT_TAGS.starvedMs, ending.starvedMs),
    ...countersFields('before', ending.before),
    ...countersFields('after', ending.after),
    streamField(REPORT_TAGS.stdout, ending.stdout),
    streamField(REPORT_TAGS.stderr, ending.stderr),
    ...(ending.order === undefined ? [] : [orderField(ending.order)]),
    ...(ending.unkept === undefined ? [] : [unkeptField(ending.unkept)]),
    { tag: REPORT_TAGS.payload, value: ending.payload },
    ...(ending.facts === undefined ? [] : [factsField(ending.facts)]),
  ];
}

/** Without the second field where the counters have none of its places, as a report of 0.1.0. */
function countersFields(when: 'before' | 'after', counters: Counters): Field[] {
  const places = (Object.entries(COUNTER_PLACES) as [keyof Counters, number][])
    .toSorted(([, a], [, b]) => a - b)
    .map(([name]) => counters[name]);
  const field = (tag: number, values: readonly (number | undefined)[]): Field => {
    const value = Buffer.alloc(8 * values.length);
    for (const [place, count] of values.entries()) value.writeBigInt64BE(BigInt(count ?? -1), 8 * place);
    return { tag, value };
  };
  const more = places.slice(FIRST_COUNTERS);
  const first = field(REPORT_TAGS[when], places.slice(0, FIRST_COUNTERS));
  if (more.every((count) => count === undefined)) return [first];
  return [first, field(REPORT_TAGS[`${when}More`], more)];
}

function factsField(facts: FileFacts): Field {
  const parts = (Object.entries(facts) as [FileFact, number][]).map(([name, value]) => {
    const part = Buffer.alloc(9, FACTS[name]);
    part.writeBigUInt64BE(BigInt(value), 1);
    return part;
  });
  return { tag: REPORT_TAGS.facts, value: Buffer.concat(parts) };
}

function streamField(tag: number, stream: StreamRecord): Field {
  const total = Buffer.alloc(8);
  total.writeBigInt64BE(BigInt(stream.totalBytes));
  return {
    tag,
    value: Buffer.concat([total, stream.sha256, u32(stream.head.length), stream.head, stream.tail]),
  };
}

function orderField(order: readonly ReadPoint[]): Field {
  const value = Buffer.alloc(16 * order.length);
  for (const [place, number] of order.flat().entries()) value.writeBigInt64BE(BigInt(number), 8 * place);
  return { tag: REPORT_TAGS.order, value };
}

function unkeptField(unkept: readonly Unkept[]): Field {
  const entries = unkept.flatMap(({ kind, name }) => [
    Buffer.from([UNKEPT_KINDS[kind]]),
    u32(Buffer.byteLength(name)),
    Buffer.from(name),
  ]);
  return { tag: REPORT_TAGS.unkept, value: Buffer.concat(entries) };
}

function u32(value: number): Buffer {
  const number = Buffer.alloc(4);
  number.writeUInt32BE(value);
  return number;
}
