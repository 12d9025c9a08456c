import { z } from 'zod';
import type { Ending } from '../protocol/messages.ts';
import { joinNotices } from '../outcome/result.ts';
import type { Policy } from '../policy/schema.ts';
import { LIST_ENTRIES, listingOf, matchesOf, SEARCH_MATCHES, type Findings } from './file-findings.ts';
import { partOf } from './file-part.ts';
import { filePath, patternText } from './file-path.ts';
import { fileProblem, writeProblem } from './file-problem.ts';
import { counted, readRemarks } from './file-remarks.ts';
import type { Shown, Tool } from './tool.ts';

/** The most that `read_file` reads at once: it fits into one answer to the platform. */
const READ_BYTES = 512 * 1024;
const LIST_DEPTH = 3;
/** sandboxd's own bound, which `search_files` always reaches. */
const SEARCH_DEPTH = 128;
const NEW_FILE_MODE = 0o644;

const timeoutMs = (_input: unknown, policy: Policy): number => policy.times.call_default;

/** A result without a process. */
function shown(stdout: string, remarks: readonly string[] = [], truncated = false): Shown {
  const notice = joinNotices(remarks);
  return { exit_code: null, signal: null, stdout, stderr: '', truncated, notice };
}

const failed = (problem: string): Shown => ({ ...shown(''), stderr: problem });

const readParameters = z.strictObject({
  path: filePath,
  offset: z.int().min(0).optional().describe('First byte to read, from 0.'),
  length: z.int().min(1).max(READ_BYTES).optional().describe('Maximum number of bytes to read.'),
});

export const readFile: Tool = {
  name: 'read_file',
  description:
    'Reads a text file of the sandbox. Where only a part is shown, the answer gives the size of the file and the offset to read on with.',
  parameters: readParameters,
  need: 'files',
  readOnly: true,
  fromStart: true,
  work(input) {
    const { path, offset = 0, length = READ_BYTES } = readParameters.parse(input);
    return { kind: 'read-file', path, offset, length };
  },
  timeoutMs,
  show(ending, input, characters = Infinity) {
    if (ending.errno !== 0) return failed(fileProblem(ending));
    const { offset = 0, length = READ_BYTES } = readParameters.parse(input);
    const part = partOf(ending, length, characters);
    return shown(part.text, readRemarks(ending, offset, part), offset > 0 || part.atEnd !== true);
  },
};

const writeParameters = z.strictObject({
  path: filePath,
  content: z.string().describe('The whole new content.'),
});

export const writeFile: Tool = {
  name: 'write_file',
  description: 'Writes a text file of the sandbox. Creates missing folders and replaces an existing file.',
  parameters: writeParameters,
  need: 'files',
  work(input) {
    const { path, content } = writeParameters.parse(input);
    return { kind: 'write-file', path, offset: 0, data: Buffer.from(content), mode: NEW_FILE_MODE };
  },
  timeoutMs,
  show(ending, input) {
    const { content } = writeParameters.parse(input);
    const bytes = Buffer.byteLength(content);
    if (ending.errno !== 0) return failed(writeProblem(ending, bytes));
    return shown('written', writeRemarks(ending, content, bytes));
  },
};

function writeRemarks({ facts }: Ending, content: string, bytes: number): string[] {
  const halves = content.match(/[\ud800-\udfff]/gu)?.length ?? 0;
  const replaced = `an existing file of ${counted(facts?.beforeBytes ?? 0, 'byte')} was replaced`;
  return [
    ...(facts === undefined
      ? []
      : [`${counted(bytes, 'byte')}, ${facts.created === 1 ? 'new file' : replaced}`]),
    ...(halves === 0
      ? []
      : [`${counted(halves, 'lone surrogate')} in the content cannot be text: written as U+FFFD`]),
  ];
}

const listParameters = z.strictObject({
  path: filePath.optional().describe('Folder; the working directory if absent.'),
  depth: z.int().min(1).max(32).optional().describe('How many folder levels to list.'),
});

/** Findings as a result; remarks stand beside the text. */
const found = ({ lines, remarks, truncated }: Findings): Shown => shown(lines.join('\n'), remarks, truncated);

export const listFiles: Tool = {
  name: 'list_files',
  description:
    'Lists the files below a folder of the sandbox, with type and size. The other file tools take the paths as they are.',
  parameters: listParameters,
  need: 'files',
  readOnly: true,
  fromStart: true,
  work(input) {
    const { path = '.', depth = LIST_DEPTH } = listParameters.parse(input);
    return { kind: 'list-files', path, depth, limit: LIST_ENTRIES };
  },
  timeoutMs,
  show(ending, input, characters = Infinity) {
    if (ending.errno !== 0) return failed(fileProblem(ending));
    const { depth = LIST_DEPTH } = listParameters.parse(input);
    return found(listingOf(ending, depth, characters));
  },
};

const searchParameters = z.strictObject({
  pattern: patternText.describe(
    'Regular expression as in Perl, Python or ripgrep, matched against each line. No look-around, no back-references.',
  ),
  path: filePath.optional().describe('File or folder to search; the working directory if absent.'),
  glob: patternText
    .optional()
    .describe(
      'Search only files that match, such as *.py, src/**/*.ts or *.{js,ts}. With a leading ! all files but these.',
    ),
});

export const searchFiles: Tool = {
  name: 'search_files',
  description:
    'Finds lines that match a regular expression in the files below a folder, hidden files included. Answers with path, line number and line.',
  parameters: searchParameters,
  need: 'files',
  readOnly: true,
  fromStart: true,
  work(input) {
    const { pattern, path = '.', glob = null } = searchParameters.parse(input);
    return { kind: 'search-files', path, pattern, glob, limit: SEARCH_MATCHES };
  },
  timeoutMs,
  show(ending, input, characters = Infinity) {
    if (ending.errno !== 0) return failed(fileProblem(ending));
    const { pattern, glob = null } = searchParameters.parse(input);
    return found(matchesOf(ending, { pattern, glob, depth: SEARCH_DEPTH }, characters));
  },
};
