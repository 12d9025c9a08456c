import { constants } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { Ending, FileFacts } from '../../../src/protocol/messages.ts';
import { listFiles, readFile, searchFiles, writeFile } from '../../../src/tools/files.ts';
import { answer } from '../support/file-answer.ts';

const { EACCES, EBADMSG, EINVAL, ENOENT, ENOSPC } = constants.errno;

/** As sandboxd reads. */
function read(file: Buffer, offset: number, length: number): Partial<Ending> {
  const payload = file.subarray(offset, offset + length);
  const breaks = (bytes: Buffer): number => bytes.toString('latin1').split('\n').length - 1;
  const atEnd = offset + length >= file.length;
  const lines = breaks(file) + (file.length > 0 && file.at(-1) !== 10 ? 1 : 0);
  const facts: FileFacts = {
    sizeBytes: file.length,
    ...(atEnd && { atEnd: 1 }),
    firstLine: breaks(file.subarray(0, offset)) + 1,
    lines,
  };
  return { payload, facts };
}

const readAnswer = (file: Buffer, offset = 0, length = 524_288, budget = 100_000): Promise<string> =>
  answer(readFile, { path: 'f', offset, length }, read(file, offset, length), budget);

describe('read_file', () => {
  it('shows a whole file of UTF-8 text as it is, byte order mark and line ends included', async () => {
    const text = '\ufeffa\r\nb\tc\n\n  end  ';
    expect(await readAnswer(Buffer.from(text))).toBe(text);
  });

  it('tells size, part and how to go on of a larger one, and its last line shown is not the last (read-large-told)', async () => {
    const file = Buffer.from(Array.from({ length: 450_000 }, (_, n) => `${String(n + 1)}\n`).join(''));
    const said = await readAnswer(file, 0, 524_288, 4000);
    expect(said).toMatch(
      /^1\n2\n[\d\n]*\n\[bytes 0 to \d+ of 3038895, lines 1 to (\d+) of 450000: the file goes on; read on with offset \d+\]$/,
    );
    expect(said).not.toMatch(/450000\n|omitted/);
    expect(await readAnswer(file, 99_999_999)).toBe(
      '[nothing to show: offset 99999999 is past the end of the file, which has 3038895 bytes]',
    );
    expect(await readAnswer(file, 3_038_888)).toBe(
      '450000\n[bytes 3038888 to 3038894 of 3038895, lines 450000 to 450000 of 450000: the file ends here]',
    );
  });

  it('says that a file is empty', async () => {
    expect(await readAnswer(Buffer.alloc(0))).toBe('[empty file]');
  });

  it('tells how many bytes are not UTF-8, a real U+FFFD not counted (file-binary-latin1)', async () => {
    const file = Buffer.concat([
      Buffer.from('caf'),
      Buffer.of(0xe9, 10),
      Buffer.from('\ufffd€'),
      Buffer.of(0xe2, 0x82),
    ]);
    expect(await readAnswer(file)).toMatch(
      /^caf\ufffd\n\ufffd€\ufffd\n\[3 bytes shown here as U\+FFFD are not UTF-8/,
    );
  });

  it('of a size that the kernel does not tell, tells that it goes on', async () => {
    const part = { payload: Buffer.from('abc'), facts: {} };
    expect(await answer(readFile, { path: '/proc/x', length: 3 }, part)).toBe(
      'abc\n[bytes 0 to 2: the file goes on; read on with offset 3]',
    );
  });

  it('from a sandboxd of 0.1.0, which tells nothing, does not pass a part for the whole', async () => {
    expect(await answer(readFile, { path: 'f', length: 3 }, { payload: Buffer.from('abc') })).toMatch(
      /it may go on/,
    );
    expect(await answer(readFile, { path: 'f', length: 4 }, { payload: Buffer.from('abc') })).toBe('abc');
    expect(await answer(readFile, { path: 'f', offset: 9 }, {})).toMatch(/ends at or before offset 9/);
  });

  const bytes = fc
    .array(
      fc.oneof(
        fc.constantFrom('a', '\n', 'é', '€', '🤣', '\ufffd').map((text) => Buffer.from(text)),
        fc.uint8Array({ minLength: 1, maxLength: 3 }).map((part) => Buffer.from(part)),
      ),
      { maxLength: 300, size: 'max' },
    )
    .map((parts) => Buffer.concat(parts));

  /** Text and remarks of an answer that shows the file up to byte `last`, or to its end. */
  function taken(said: string, file: Buffer): { text: string; next: number | null } {
    const remarks = /\[(?:bytes (?<from>\d+) to (?<last>\d+)|\d+ bytes? shown|empty|nothing)[^\]]*\]$/.exec(
      said,
    );
    if (remarks === null) return { text: said, next: null };
    const before = said.slice(0, remarks.index);
    const endsLine = file[Number(remarks.groups?.['last'] ?? file.length - 1)] === 10;
    const next = /read on with offset (\d+)/.exec(remarks[0])?.[1];
    return {
      text: endsLine ? before : before.replace(/\n$/, ''),
      next: next === undefined ? null : Number(next),
    };
  }

  it('read on by the told offsets gives every byte of any file once, whatever the budget', async () => {
    const sizes = [fc.integer({ min: 20, max: 200 }), fc.integer({ min: 300, max: 700 })] as const;
    let parts = 0;
    await fc.assert(
      fc.asyncProperty(bytes, ...sizes, async (file, length, budget) => {
        const shown: Buffer[] = [];
        for (let offset: number | null = 0; offset !== null; parts += 1) {
          const { text, next } = taken(await readAnswer(file, offset, length, budget), file);
          const part = file.subarray(offset, next ?? file.length);
          expect(text).toBe(new TextDecoder('utf-8', { ignoreBOM: true }).decode(part));
          shown.push(part);
          offset = next;
        }
        expect(Buffer.concat(shown).equals(file)).toBe(true);
      }),
      { numRuns: 300 },
    );
    expect(parts).toBeGreaterThan(600);
  });
});

describe('write_file', () => {
  const write = (content: string, part: Partial<Ending>): Promise<string> =>
    answer(writeFile, { path: 'f', content }, part);

  it('tells how much was written, and over what', async () => {
    expect(await write('hello', { facts: { created: 1, writtenBytes: 5 } })).toBe(
      'written\n[5 bytes, new file]',
    );
    expect(await write('hi', { facts: { beforeBytes: 5, writtenBytes: 2 } })).toBe(
      'written\n[2 bytes, an existing file of 5 bytes was replaced]',
    );
    expect(await write('hi', {})).toBe('written');
  });

  it('tells of half characters', async () => {
    expect(await write('a\ud83d', { facts: { created: 1 } })).toMatch(
      /\[4 bytes, new file; 1 lone surrogate in the content/,
    );
  });

  it('tells what a full disk left', async () => {
    const full = { errno: ENOSPC };
    expect(await write('hello', { ...full, facts: { restored: 1 } })).toMatch(
      /nothing was written, and the file is as it was/,
    );
    expect(await write('hello', { ...full, facts: { created: 1, restored: 1 } })).toMatch(
      /and no file was made/,
    );
    expect(
      await write('hello', { ...full, facts: { beforeBytes: 9, writtenBytes: 2, sizeBytes: 2 } }),
    ).toMatch(/2 of 5 bytes were written, the file now has 2; its earlier content is gone/);
  });
});

describe('a search', () => {
  const search = (part: Partial<Ending>, glob?: string): Promise<string> =>
    answer(
      searchFiles,
      { pattern: 'x', ...(glob !== undefined && { glob }) },
      { payload: Buffer.of(0), ...part },
    );

  it('that looked at nothing does not say that there is no match', async () => {
    expect(await search({ facts: { searchedFiles: 0 } }, '*.tsx')).toBe(
      'nothing was searched\n[no file matches the glob "*.tsx"]',
    );
    expect(await search({ facts: { searchedFiles: 3, outOfTime: 1, uncounted: 1 } })).toMatch(
      /^no match so far\n.*time limit/,
    );
    expect(await search({ facts: { searchedFiles: 3, unreadFolders: 1, unreadFiles: 2 } })).toBe(
      'no match\n[files searched: 3; 1 folder could not be read; 2 files could not be read]',
    );
  });

  it('that cannot be made says why', async () => {
    const why = Buffer.from('this regular expression is not supported: look-ahead, at character 2');
    expect(await search({ errno: EBADMSG, payload: why, facts: {} })).toBe(why.toString());
    expect(await search({ errno: EBADMSG, payload: Buffer.alloc(0) })).toBe('not a regular expression');
  });

  it('by a sandboxd of 0.1.0 says by which rules it was made', async () => {
    expect(await search({})).toMatch(/^no match\n\[searched as a POSIX extended regular expression/);
  });
});

describe('a listing', () => {
  const u = (value: number, size: 4 | 8): Buffer => {
    const bytes = Buffer.alloc(size);
    if (size === 4) bytes.writeUInt32BE(value);
    else bytes.writeBigUInt64BE(BigInt(value));
    return bytes;
  };
  const entry = (name: string): Buffer =>
    Buffer.concat([
      Buffer.from('f'),
      u(7, 8),
      u(0, 8),
      u(0o644, 4),
      u(name.length, 4),
      Buffer.from(name),
      u(0, 4),
    ]);
  const payload = Buffer.concat([
    Buffer.of(1),
    ...Array.from({ length: 2000 }, (_, n) => entry(`file-${String(n)}`)),
  ]);

  it('of more than an answer has tells of how many, and ends with a whole line (list-many)', async () => {
    const said = await answer(listFiles, {}, { payload, facts: { total: 5000 } }, 2000);
    expect(said).toMatch(
      /^file-0 {2}7\n(file-\d+ {2}7\n)+\[(\d+) of 5000 entries are shown; an answer never has more than 2000\]$/,
    );
    const [, shown] = /\[(\d+) of/.exec(said) ?? [];
    expect(said.split('\n')).toHaveLength(Number(shown) + 1);
  });

  it('tells what it did not open', async () => {
    const facts = { total: 0, deepFolders: 2, systemFolders: 1 };
    expect(await answer(listFiles, { depth: 1 }, { payload: Buffer.of(0), facts })).toBe(
      '[empty folder; 2 folders at depth 1 not opened; 1 folder of the system, such as /proc, not opened]',
    );
  });
});

describe('why a file was not opened', () => {
  test.each([
    [{ errno: EINVAL, facts: { type: 112 } }, 'not a regular file: a pipe'],
    [{ errno: EINVAL, facts: { type: 99 } }, 'not a regular file: a device'],
    [{ errno: EINVAL }, 'not a regular file'],
    [{ errno: ENOENT, facts: { type: 108 } }, 'no such file or directory: the symbolic link leads nowhere'],
    [{ errno: ENOENT, facts: { directoryGone: 1 } }, /working directory cannot be entered/],
    [{ errno: EACCES }, 'permission denied'],
    [{ errno: 1, facts: { ownProcess: 1 } }, /^refused: /],
  ])('%o', async (part, sentence) => {
    const said = await answer(readFile, { path: 'f' }, part);
    if (typeof sentence === 'string') expect(said).toBe(sentence);
    else expect(said).toMatch(sentence);
  });
});
