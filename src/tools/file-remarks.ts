import type { Ending, FileFact, FileFacts } from '../protocol/messages.ts';
import type { FilePart } from './file-part.ts';

/** `3 folders`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${String(count)} ${count === 1 ? one : many}`;

/** What is said beside the text that `read_file` shows. Empty for a whole file of UTF-8 text. */
export function readRemarks(ending: Ending, offset: number, part: FilePart): string[] {
  const { facts } = ending;
  const size = facts?.sizeBytes;
  const place = part.bytes === 0 ? nothingShown(offset, size) : placeOf(facts, offset, part);
  const remarks = [place];
  if (part.invalidBytes > 0)
    remarks.push(
      `${counted(part.invalidBytes, 'byte')} shown here as U+FFFD ${part.invalidBytes === 1 ? 'is' : 'are'} not UTF-8 text: writing this text back would change the file`,
    );
  if (facts?.changed === 1) remarks.push('the file changed while it was read');
  return remarks.filter((remark) => remark !== null);
}

function nothingShown(offset: number, size: number | undefined): string | null {
  if (size === undefined)
    return offset === 0 ? null : `nothing to show: the file ends at or before offset ${String(offset)}`;
  if (size === 0) return 'empty file';
  if (offset < size) return null;
  return `nothing to show: offset ${String(offset)} is ${offset === size ? 'the end' : 'past the end'} of the file, which has ${String(size)} bytes`;
}

/** Which part of the file it is, and how to go on; null for all of it. */
function placeOf(facts: FileFacts | undefined, offset: number, part: FilePart): string | null {
  if (offset === 0 && part.atEnd === true) return null;
  const end = offset + part.bytes;
  const of = facts?.sizeBytes === undefined ? '' : ` of ${String(facts.sizeBytes)}`;
  const range = `bytes ${String(offset)} to ${String(end - 1)}${of}${linesOf(facts, part)}`;
  if (part.atEnd === true) return `${range}: the file ends here`;
  const goesOn = part.atEnd === null ? 'it may go on' : 'the file goes on';
  return `${range}: ${goesOn}; read on with offset ${String(end)}`;
}

function linesOf(facts: FileFacts | undefined, { text, lineBreaks }: FilePart): string {
  if (facts?.firstLine === undefined || facts.lines === undefined) return '';
  const last = facts.firstLine + lineBreaks - (text.endsWith('\n') ? 1 : 0);
  return `, lines ${String(facts.firstLine)} to ${String(last)} of ${String(facts.lines)}`;
}

/** What a listing or a search left out, and why. */
export function leftOut(facts: FileFacts, depth: number): string[] {
  const remarks: Readonly<Partial<Record<FileFact, (count: number) => string>>> = {
    outOfTime: () => 'the time limit ended this early: it is not complete',
    unreadFolders: (count) => `${counted(count, 'folder')} could not be read`,
    unreadFiles: (count) => `${counted(count, 'file')} could not be read`,
    deepFolders: (count) => `${counted(count, 'folder')} at depth ${String(depth)} not opened`,
    systemFolders: (count) => `${counted(count, 'folder')} of the system, such as /proc, not opened`,
    utf16Files: (count) => `${counted(count, 'file')} in UTF-16 not searched`,
    longLines: (count) => `of ${counted(count, 'line')} only the first 1048576 bytes were searched`,
  };
  return (Object.entries(remarks) as [FileFact, (count: number) => string][]).flatMap(([fact, say]) => {
    const count = facts[fact] ?? 0;
    return count > 0 ? [say(count)] : [];
  });
}

/** How many of all are shown; null: all. `facts` are absent for a sandboxd of version 0.1.0. */
export function shareShown(
  facts: FileFacts | undefined,
  shown: number,
  found: { readonly count: number; readonly truncated: boolean },
  words: { readonly many: string; readonly most: number },
): string | null {
  const total = Math.max(facts?.total ?? 0, found.count);
  const open = facts === undefined ? found.truncated : facts.uncounted === 1;
  if (shown === total && !open) return null;
  const all = open ? `${String(total)} or more` : String(total);
  const most = total > words.most || open ? `; an answer never has more than ${String(words.most)}` : '';
  return `${String(shown)} of ${all} ${words.many} are shown${most}`;
}
