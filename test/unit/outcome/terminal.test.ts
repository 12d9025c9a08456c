import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asTerminalShows } from '../../../src/outcome/terminal.ts';

const WHOLE = { before: false, after: false };
const shown = (text: string | Uint8Array, cut = WHOLE): string =>
  asTerminalShows(Buffer.from(text), cut, []).stretch.text;

describe('what a terminal would show', () => {
  test.each([
    ['plain text', 'one\ntwo\n', 'one\ntwo\n'],
    ['line ends of Windows', 'one\r\ntwo\r\n', 'one\ntwo\n'],
    ['line ends that were converted twice', 'one\r\r\ntwo\r\r\n', 'one\ntwo\n'],
    ['a progress bar', '\r 0%\r50%\r100%\nfinished\n', '100%\nfinished\n'],
    [
      'a drawing that is shorter than the one before it, without the rest of that',
      'Downloading\rDone\n',
      'Done\n',
    ],
    ['a line that ends with a carriage return', 'one\n 0%\r100%\r', 'one\n100%'],
    ['a drawing of several writes', 'a\rb\x1b[Kc\rd\x1b[1me\n', 'de\n'],
    ['colours', '\x1b[31mred\x1b[0m \x1b[2K\x1b[1Aup \x1b]0;title\x07t\n', 'red up t\n'],
    ['a title with spaces', '\x1b]0;my own title\x07t\n', 't\n'],
    [
      'a title, and a bell later in the line',
      '\x1b]0;make\x07build: 3 failed\x07\n',
      'build: 3 failed\x07\n',
    ],
    ['a link', '\x1b]8;;http://a/b c\x1b\\link\x1b]8;;\x1b\\ end', 'link end'],
    ['a device string', 'a\x1bP1$r0m\x1b\\b', 'ab'],
    ['what tput sgr0 prints', '\x1b(B\x1b[mx', 'x'],
    ['a sequence that the output ends in', 'end \x1b[3', 'end '],
    ['ESC alone', 'a\x1b\nb\x1b', 'a\nb'],
    ['an unterminated title: its text', '\x1b]0;title\nnext\n', '0;title\nnext\n'],
    ['overstruck text', 'N\bNA\bAM\bME\bE\n', 'NAME\n'],
    ['an erased character', 'abc\b \b\n', 'ab \n'],
    ['a spinner', '|\b/\b-\b\\\bdone\n', 'done\n'],
    ['backspaces at the end of a line', 'abc\b\b\n', 'abc\n'],
    ['more backspaces than there is', 'ab\n\b\b\b\bx\n', 'ab\nx\n'],
    ['a backspace over a pair', 'a🙂\bx', 'ax'],
    ['NUL and bell, as they are', 'a\0b\x07', 'a\0b\x07'],
  ])('%s', (_what, printed, seen) => {
    expect(shown(printed)).toBe(seen);
  });

  test('is what stripVTControlCharacters leaves, where there are only sequences', () => {
    const sequence = fc.oneof(
      fc.stringMatching(/^\x1b\[(\d{1,3}(;\d{1,3}){0,3})?[A-HJKSTfmnsu]$/),
      fc.stringMatching(/^\x1b\]\d{1,2};[a-z]{0,9}(\x07|\x1b\\)$/),
      // Not ESC 7: that function takes digits behind it for a part of it.
      fc.constantFrom('\x1b=', '\x1b(B', '\x1b[?25l', '\x1b[38;2;1;2;3m'),
    );
    const text = fc.array(fc.oneof(sequence, fc.stringMatching(/^[ -~\n]{0,20}$/), fc.constant('é漢🙂')));
    fc.assert(
      fc.property(text, (parts) => {
        expect(shown(parts.join(''))).toBe(stripVTControlCharacters(parts.join('')));
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ['a title of a megabyte that does not end', '\x1b]0;' + 'a'.repeat(1e6)],
    ['a megabyte of ESC', '\x1b'.repeat(1e6)],
    ['introducers alone', '\x1b]\x1b['.repeat(250_000)],
    ['numbers without end', '\x1b[' + '1;'.repeat(500_000)],
    ['a string of almost a string', '\x1b]'.padEnd(4090, 'x').repeat(250)],
    ['carriage returns', 'ab\r'.repeat(333_333)],
    ['backspaces', 'a'.repeat(500_000) + '\b'.repeat(500_000) + 'x'],
    ['backspaces between letters', 'ab\b\b'.repeat(250_000)],
    ['bytes that are no text', Buffer.alloc(1e6, 0xff)],
    ['every other byte no text', Buffer.alloc(1e6, Buffer.from([0xe2, 0x41]))],
  ])('takes time linear in its length: %s', (_what, printed) => {
    const bytes = Buffer.from(printed);
    const marks = Array.from({ length: 4096 }, (_, at) => Math.floor((at * bytes.length) / 4096));
    const timed = (part: Buffer): number => {
      const began = performance.now();
      asTerminalShows(part, { before: true, after: true }, marks);
      return performance.now() - began;
    };
    timed(bytes.subarray(0, 1000));
    expect(timed(bytes)).toBeLessThan(2000); // Some 50 ms; minutes, if it were quadratic.
  });
});

describe('a stream that was cut', () => {
  const [after, before] = [
    { before: false, after: true },
    { before: true, after: false },
  ];

  test.each([
    ['in a character', Buffer.from('漢字').subarray(0, 4), after, '漢', 0],
    ['in a character, at its end', Buffer.from('漢字').subarray(1), before, '字', 2],
    ['in a sequence', 'red: \x1b[3', after, 'red: ', 0],
    ['in a title', 'red: \x1b]0;tit', after, 'red: ', 0],
    ['in a sequence, at its end', '1;31mred\x1b[0m', before, 'red', 5],
    ['in a line', `${'x'.repeat(30)}\nhalf a li`, after, `${'x'.repeat(30)}\n`, 0],
    ['in a line, at its end', `ne\n${'x'.repeat(30)}`, before, 'x'.repeat(30), 3],
    [
      'in text without sequences, which may look like the rest of one',
      '12;34m is text',
      before,
      '12;34m is text',
      0,
    ],
  ])('%s shows no part of it', (_where, bytes, cut, text, skippedBytes) => {
    expect(asTerminalShows(Buffer.from(bytes), cut, [])).toMatchObject({ stretch: { text }, skippedBytes });
  });
});
