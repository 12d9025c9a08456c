/** Commands to frames and back. The tags are the wire's, the same as in `docker/sandboxd/work.c`. */
import { encodeFrame, type Field, type Frame } from './framing.ts';
import { all, bytes, Malformed, number, numberAt, readOrNull, string, stringOrNull, text } from './fields.ts';
import type { CallLimits, Command, Work } from './messages.ts';

const COMMAND_TYPES = { resume: 1, start: 2, acknowledge: 3, cancel: 4 } as const satisfies Record<
  Command['type'],
  number
>;
const WORK_KINDS = {
  shell: 1,
  python: 2,
  exec: 3,
  'read-file': 4,
  'write-file': 5,
  'list-files': 6,
  'search-files': 7,
  probe: 8,
} as const satisfies Record<Work['kind'], number>;

const TAG = {
  kind: 1,
  timeoutMs: 2,
  keepBytes: 3,
  outputBytes: 4,
  text: 5,
  argument: 6,
  variable: 7,
  directory: 8,
  data: 9,
  path: 10,
  offset: 11,
  length: 12,
  mode: 13,
  depth: 14,
  limit: 15,
  pattern: 16,
  glob: 17,
} as const;

/** Ready to be written. Throws RangeError where the content does not fit into one frame. */
export function encodeCommand(command: Command, instance: string): Buffer {
  return encodeFrame({
    instance,
    type: COMMAND_TYPES[command.type],
    call: command.type === 'resume' ? 0 : command.call,
    fields: command.type === 'start' ? startFields(command.work, command.limits) : [],
  });
}

function startFields(work: Work, limits: CallLimits): Field[] {
  return [
    number(TAG.kind, WORK_KINDS[work.kind]),
    number(TAG.timeoutMs, limits.timeoutMs),
    number(TAG.keepBytes, limits.keepBytes),
    number(TAG.outputBytes, limits.outputBytes),
    ...workFields(work),
  ];
}

function workFields(work: Work): Field[] {
  switch (work.kind) {
    case 'shell':
      return [text(TAG.text, work.command)];
    case 'python':
      return [text(TAG.text, work.code)];
    case 'exec':
      return [
        ...work.argv.map((argument) => text(TAG.argument, argument)),
        ...work.env.map((variable) => text(TAG.variable, variable)),
        ...(work.cwd === null ? [] : [text(TAG.directory, work.cwd)]),
        { tag: TAG.data, value: work.stdin },
      ];
    case 'read-file':
      return [text(TAG.path, work.path), number(TAG.offset, work.offset), number(TAG.length, work.length)];
    case 'write-file':
      return [
        text(TAG.path, work.path),
        number(TAG.offset, work.offset),
        number(TAG.mode, work.mode),
        { tag: TAG.data, value: work.data },
      ];
    case 'list-files':
      return [text(TAG.path, work.path), number(TAG.depth, work.depth), number(TAG.limit, work.limit)];
    case 'search-files':
      return [
        text(TAG.path, work.path),
        text(TAG.pattern, work.pattern),
        ...(work.glob === null ? [] : [text(TAG.glob, work.glob)]),
        number(TAG.limit, work.limit),
      ];
    case 'probe':
      return [];
  }
}

/** A command and whom it is for, or null. The other direction of `encodeCommand`, for stand-ins of sandboxd. */
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
  return {
    timeoutMs: numberAt(frame, TAG.timeoutMs),
    keepBytes: numberAt(frame, TAG.keepBytes),
    outputBytes: numberAt(frame, TAG.outputBytes),
  };
}

function readWork(frame: Frame): Work {
  switch (numberAt(frame, TAG.kind)) {
    case WORK_KINDS.shell:
      return { kind: 'shell', command: string(frame, TAG.text) };
    case WORK_KINDS.python:
      return { kind: 'python', code: string(frame, TAG.text) };
    case WORK_KINDS.exec:
      return {
        kind: 'exec',
        argv: all(frame, TAG.argument).map((value) => value.toString('utf8')),
        env: all(frame, TAG.variable).map((value) => value.toString('utf8')),
        cwd: stringOrNull(frame, TAG.directory),
        stdin: bytes(frame, TAG.data),
      };
    case WORK_KINDS.probe:
      return { kind: 'probe' };
    default:
      return readFileWork(frame);
  }
}

function readFileWork(frame: Frame): Work {
  switch (numberAt(frame, TAG.kind)) {
    case WORK_KINDS['read-file']:
      return {
        kind: 'read-file',
        path: string(frame, TAG.path),
        offset: numberAt(frame, TAG.offset),
        length: numberAt(frame, TAG.length),
      };
    case WORK_KINDS['write-file']:
      return {
        kind: 'write-file',
        path: string(frame, TAG.path),
        offset: numberAt(frame, TAG.offset),
        data: bytes(frame, TAG.data),
        mode: numberAt(frame, TAG.mode),
      };
    case WORK_KINDS['list-files']:
      return {
        kind: 'list-files',
        path: string(frame, TAG.path),
        depth: numberAt(frame, TAG.depth),
        limit: numberAt(frame, TAG.limit),
      };
    case WORK_KINDS['search-files']:
      return {
        kind: 'search-files',
        path: string(frame, TAG.path),
        pattern: string(frame, TAG.pattern),
        glob: stringOrNull(frame, TAG.glob),
        limit: numberAt(frame, TAG.limit),
      };
    default:
      throw new Malformed();
  }
}
