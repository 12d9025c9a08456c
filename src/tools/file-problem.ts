import { constants } from 'node:os';
import { entryType, type EntryType } from '../protocol/listing.ts';
import type { Ending } from '../protocol/messages.ts';
import { errnoText } from './errno.ts';

/** EINVAL: sandboxd reports it for pipes, devices and sockets, which file work never opens. */
const { EINVAL, EISDIR, ENOENT, EBADMSG, EINTR } = constants.errno;

/** Of files that file work never opens. */
export const kinds: Readonly<Partial<Record<EntryType, string>>> = {
  fifo: 'a pipe',
  socket: 'a socket',
  'character-device': 'a device',
  'block-device': 'a device',
};

/** Why file work failed, for the model. */
export function fileProblem(ending: Ending): string {
  const { errno, facts = {}, payload } = ending;
  if (facts.ownProcess === 1)
    return 'refused: this file belongs to the process that does the file work, not to one of yours; use the shell';
  if (facts.directoryGone === 1)
    return `${errnoText(errno)}: the working directory cannot be entered, so a relative path names nothing`;
  if (errno === EBADMSG)
    return payload.length === 0 ? 'not a regular expression' : Buffer.from(payload).toString('utf8');
  if (errno === EISDIR) return 'this is a folder, not a file';
  if (errno === EINTR) return 'the file work did not finish';
  const type = facts.type === undefined ? null : entryType(facts.type);
  if (errno === EINVAL) {
    const kind = type === null ? undefined : kinds[type];
    return kind === undefined ? 'not a regular file' : `not a regular file: ${kind}`;
  }
  if (errno === ENOENT && type === 'link') return `${errnoText(errno)}: the symbolic link leads nowhere`;
  return errnoText(errno);
}

/** The same for a write: what has become of the file. */
export function writeProblem(ending: Ending, bytes: number): string {
  const problem = fileProblem(ending);
  const { facts = {} } = ending;
  const { created = 0, beforeBytes = 0, writtenBytes = 0, sizeBytes } = facts;
  if (facts.restored === 1)
    return `${problem}: nothing was written, ${created === 1 ? 'and no file was made' : 'and the file is as it was'}`;
  if (ending.errno === EINTR) return `${problem}: the file may be written in part`;
  if (sizeBytes === undefined) return problem;
  const earlier = created === 0 && beforeBytes > 0 ? '; its earlier content is gone' : '';
  return `${problem}: ${String(writtenBytes)} of ${String(bytes)} bytes were written, the file now has ${String(sizeBytes)}${earlier}`;
}
