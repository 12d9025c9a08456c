import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { fileNameBytes, fileNameText } from '../../../src/protocol/file-name.ts';
import { shownPath } from '../../../src/tools/file-path.ts';
import { readFile } from '../../../src/tools/files.ts';

describe('paths', () => {
  const refusal = (path: string): string | undefined =>
    readFile.parameters.safeParse({ path }).error?.issues[0]?.message;

  test.each([
    ['a\0b', /null byte/],
    ['a\ud83d', /half a character/],
    ['$HOME/x', /\.\/\$HOME/],
    ['${HOME}/x', /not expanded/],
  ])('%j is refused with its reason', (path, reason) => {
    expect(refusal(path)).toMatch(reason);
  });

  test.each(['/tmp/$HOME', './$HOME', '$HOMEWARD.txt', 'a$b', '~', '~/x', 'bad\udcff', ' '])(
    '%j is taken',
    (path) => {
      expect(refusal(path)).toBeUndefined();
    },
  );

  it('that are shown name the same file when they are given back, whatever bytes the name has', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 12 }), (bytes) => {
        const name = Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x7e : byte)));
        const shown = shownPath(fileNameText(name));
        expect(shown.isWellFormed() && !shown.includes('\n')).toBe(true);
        const given = shown.startsWith('"') ? (JSON.parse(shown) as string) : shown;
        expect(refusal(given)).toBeUndefined();
        expect(given.startsWith('~')).toBe(false);
        expect(fileNameBytes(given.replace(/^\.\/(?=[~$])/, ''))).toEqual(name);
      }),
      { numRuns: 2000 },
    );
  });
});
