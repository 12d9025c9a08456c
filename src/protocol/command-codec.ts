/** Commands to frames. */
import { number, text } from './fields.ts';
import { fileNameBytes } from './file-name.ts';
import { encodeFrame, INSTANCE_BYTES, type Field } from './framing.ts';
import type { CallLimits, Command, Work } from './messages.ts';
import { COMMAND_TAGS, COMMAND_TYPES, WORK_KINDS } from './tags.ts';

/** What a `resume` may carry in place of an instance that is not known yet. */
export const UNKNOWN_INSTANCE = '00'.repeat(INSTANCE_BYTES);

/** @throws RangeError where the content does not fit into one frame. */
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
    number(COMMAND_TAGS.kind, WORK_KINDS[work.kind]),
    number(COMMAND_TAGS.timeoutMs, limits.timeoutMs),
    number(COMMAND_TAGS.keepBytes, limits.keepBytes),
    number(COMMAND_TAGS.outputBytes, limits.outputBytes),
    ...(limits.longestMs === undefined ? [] : [number(COMMAND_TAGS.longestMs, limits.longestMs)]),
    ...workFields(work),
  ];
}

/** No such file exists for any user, and none can be made: /proc takes no new files. */
const NOWHERE = '/proc/~';

/**
 * A path with a leading tilde has a tag of its own, because version 0.1.0 takes `~` for a name, and would make a folder of
 * that name. It finds nothing under `path`.
 */
function pathFields(path: string): Field[] {
  if (!path.startsWith('~')) return [{ tag: COMMAND_TAGS.path, value: fileNameBytes(path) }];
  return [text(COMMAND_TAGS.path, NOWHERE), { tag: COMMAND_TAGS.homePath, value: fileNameBytes(path) }];
}

function workFields(work: Work): Field[] {
  switch (work.kind) {
    case 'shell':
      return [text(COMMAND_TAGS.text, work.command)];
    case 'python':
      return [
        text(COMMAND_TAGS.text, work.code),
        ...(work.asShell === true ? [number(COMMAND_TAGS.asShell, 1)] : []),
      ];
    case 'exec':
      return [
        ...work.argv.map((argument) => text(COMMAND_TAGS.argument, argument)),
        ...work.env.map((variable) => text(COMMAND_TAGS.variable, variable)),
        ...(work.cwd === null ? [] : [text(COMMAND_TAGS.directory, work.cwd)]),
        { tag: COMMAND_TAGS.data, value: work.stdin },
      ];
    case 'read-file':
      return [
        ...pathFields(work.path),
        number(COMMAND_TAGS.offset, work.offset),
        number(COMMAND_TAGS.length, work.length),
      ];
    case 'write-file':
      return [
        ...pathFields(work.path),
        number(COMMAND_TAGS.offset, work.offset),
        number(COMMAND_TAGS.mode, work.mode),
        { tag: COMMAND_TAGS.data, value: work.data },
      ];
    case 'list-files':
      return [
        ...pathFields(work.path),
        number(COMMAND_TAGS.depth, work.depth),
        number(COMMAND_TAGS.limit, work.limit),
      ];
    case 'search-files':
      return [
        ...pathFields(work.path),
        text(COMMAND_TAGS.pattern, work.pattern),
        ...(work.glob === null ? [] : [text(COMMAND_TAGS.glob, work.glob)]),
        number(COMMAND_TAGS.limit, work.limit),
      ];
    case 'probe':
      return [];
  }
}
