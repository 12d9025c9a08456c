import { constants } from 'node:os';
import { z } from 'zod';
import { decodeOutput } from '../outcome/text.ts';
import { decodeListing, decodeMatches } from '../protocol/listing.ts';
import type { Ending } from '../protocol/messages.ts';
import type { Policy } from '../policy/schema.ts';
import { errnoText } from './errno.ts';
import type { Shown, Tool } from './tool.ts';

/** sandboxd reports this for pipes, devices and sockets, which file work never opens. */
const { EINVAL } = constants.errno;

const fileProblem = (errno: number): string => (errno === EINVAL ? 'not a regular file' : errnoText(errno));

/** The most that `read_file` reads at once: it fits into one answer to the platform. */
const READ_BYTES = 512 * 1024;
const LIST_ENTRIES = 2_000;
const LIST_DEPTH = 3;
const SEARCH_MATCHES = 500;
const NEW_FILE_MODE = 0o644;

const path = z.string().min(1).describe('Absolute path, or relative to the working directory.');
const timeoutMs = (_input: unknown, policy: Policy): number => policy.times.call_default;

/** Shows `text` if the file work succeeded, else the error. */
function fileResult(ending: Ending, text: () => string): Shown {
  const nothing = { exit_code: null, signal: null, truncated: false };
  if (ending.errno !== 0) return { ...nothing, stdout: '', stderr: fileProblem(ending.errno) };
  return { ...nothing, stdout: text(), stderr: '' };
}

const readParameters = z.strictObject({
  path,
  offset: z.int().min(0).optional().describe('First byte to read.'),
  length: z.int().min(1).max(READ_BYTES).optional().describe('Maximum number of bytes to read.'),
});

export const readFile: Tool = {
  name: 'read_file',
  description: 'Reads a text file of the sandbox.',
  parameters: readParameters,
  need: 'files',
  readOnly: true,
  work(input) {
    const { path, offset = 0, length = READ_BYTES } = readParameters.parse(input);
    return { kind: 'read-file', path, offset, length };
  },
  timeoutMs,
  show: (ending) => fileResult(ending, () => decodeOutput(ending.payload)),
};

const writeParameters = z.strictObject({ path, content: z.string().describe('The whole new content.') });

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
  show: (ending) => fileResult(ending, () => 'written'),
};

const listParameters = z.strictObject({
  path: path.optional().describe('Folder; the working directory if absent.'),
  depth: z.int().min(1).max(32).optional().describe('How many folder levels to list.'),
});

export const listFiles: Tool = {
  name: 'list_files',
  description: 'Lists the files below a folder of the sandbox, with type and size.',
  parameters: listParameters,
  need: 'files',
  readOnly: true,
  work(input) {
    const { path = '.', depth = LIST_DEPTH } = listParameters.parse(input);
    return { kind: 'list-files', path, depth, limit: LIST_ENTRIES };
  },
  timeoutMs,
  show: (ending) => fileResult(ending, () => listingText(ending.payload)),
};

function listingText(payload: Uint8Array): string {
  const { items, truncated } = decodeListing(payload);
  const lines = items.map(({ path, type, sizeBytes }) =>
    type === 'folder' ? `${path}/` : `${path}  ${String(sizeBytes)}`,
  );
  return [...lines, ...(truncated ? [`[more than ${String(LIST_ENTRIES)} entries]`] : [])].join('\n');
}

const searchParameters = z.strictObject({
  pattern: z.string().min(1).describe('POSIX extended regular expression.'),
  path: path.optional().describe('File or folder to search; the working directory if absent.'),
  glob: z
    .string()
    .min(1)
    .optional()
    .describe('Search only files whose name matches this pattern, such as *.py.'),
});

export const searchFiles: Tool = {
  name: 'search_files',
  description: 'Finds lines that match a regular expression in the text files below a folder.',
  parameters: searchParameters,
  need: 'files',
  readOnly: true,
  work(input) {
    const { pattern, path = '.', glob = null } = searchParameters.parse(input);
    return { kind: 'search-files', path, pattern, glob, limit: SEARCH_MATCHES };
  },
  timeoutMs,
  show: (ending) => fileResult(ending, () => matchesText(ending.payload)),
};

function matchesText(payload: Uint8Array): string {
  const { items, truncated } = decodeMatches(payload);
  const lines = items.map(({ path, line, text }) => `${path}:${String(line)}:${text}`);
  if (lines.length === 0) return 'no match';
  return [...lines, ...(truncated ? [`[more than ${String(SEARCH_MATCHES)} matches]`] : [])].join('\n');
}
