import { describe, expect, test } from 'vitest';
import { compose } from '../../../src/outcome/transcript.ts';
import { fitByBytes } from '../../../src/tokens/fit-bytes.ts';
import { fitByTokens } from '../../../src/tokens/fit-tokens.ts';
import { processTranscript } from '../../../src/tools/process-transcript.ts';
import type { Ending } from '../../../src/protocol/messages.ts';
import { ended, streamRecord } from '../support/fake-process.ts';
import { endingOf, MARKER, told, type Write } from '../support/written-ending.ts';

const seen = (...writes: Write[]): string => compose(processTranscript(endingOf(writes)));
const lines = (count: number, text: (line: number) => string): string =>
  Array.from({ length: count }, (_, line) => `${text(line + 1)}\n`).join('');
describe('the order of both streams', () => {
  test.each<[string, Write[], string]>([
    [
      'alternating lines',
      [
        ['out', 'test one\n'],
        ['err', 'FAILED\n'],
        ['out', 'test two\n'],
      ],
      'test one\nFAILED\ntest two\n',
    ],
    [
      'stderr first',
      [
        ['err', '+ echo A\n'],
        ['out', 'A\n'],
        ['err', '+ ls\n'],
      ],
      '+ echo A\nA\n+ ls\n',
    ],
    [
      'a line that is written in parts',
      [
        ['out', 'test one ... '],
        ['err', 'warning\n'],
        ['out', 'ok\n'],
      ],
      'test one ... ok\nwarning\n',
    ],
    [
      'a line without an end',
      [
        ['out', 'prompt> '],
        ['err', 'bad\n'],
      ],
      'prompt> \nbad\n',
    ],
    [
      'a bar beside a log',
      [
        ['err', '\r10%'],
        ['out', 'one\n'],
        ['err', '\r50%'],
        ['out', 'two\n'],
        ['err', '\r100%\n'],
        ['out', 'three\n'],
      ],
      'one\ntwo\n100%\nthree\n',
    ],
    [
      'characters read in parts',
      [
        ['out', 'ü'],
        ['err', 'é\n'],
        ['out', 'ß\n'],
      ],
      'üß\né\n',
    ],
  ])('%s', (_what, writes, text) => {
    expect(seen(...writes)).toBe(text);
  });

  test('of a sandboxd that does not report it: stdout, then stderr', () => {
    const { order: _order, ...old } = endingOf([
      ['err', 'bad\n'],
      ['out', 'good\n'],
      ['err', 'worse\n'],
    ]);
    expect(compose(processTranscript(old))).toBe('good\nbad\nworse\n');
  });

  test('where it is not known between two points: stdout first', () => {
    const ending = {
      ...endingOf([
        ['out', 'a\nb\nc\n'],
        ['err', '1\n2\n3\n'],
      ]),
      order: [
        [2, 0],
        [4, 4],
        [6, 4],
      ] as const,
    };
    expect(compose(processTranscript(ending))).toBe('a\nb\n1\n2\nc\n3\n');
  });
});

test.each([
  ['nothing', '', '(no output)'],
  ['nothing that can be seen', '\x1b[0m', '(no visible output)'],
  ['an empty line', '\n', '\n'],
])('%s is told apart from a lost answer', (_what, printed, text) => {
  expect(seen(['out', printed])).toBe(text);
});

test('bytes that are not UTF-8 are said, as many as are shown', () => {
  const record = streamRecord(Buffer.from([0x61, 0xe9, 0x74, 0xed, 0xa0, 0x80, 0x0a]), 100);
  expect(compose(processTranscript({ ...ended(1), stdout: record }))).toBe(
    'a\ufffdt\ufffd\ufffd\ufffd\n[4 bytes that are not UTF-8: shown as U+FFFD]',
  );
  const many = streamRecord(Buffer.from('\xff'.repeat(100_000), 'latin1'), 65_536);
  const { text } = fitByTokens(processTranscript({ ...ended(1), stdout: many }), 500);
  const said = /\[([\d,]+) bytes that are not UTF-8/.exec(text)?.[1]?.replaceAll(',', '');
  expect(Number(said)).toBe(text.split('\ufffd').length - 1);
  expect(Number(said) + told(text)).toBe(100_000);
});

describe('the token budget', () => {
  const summary = (): Ending =>
    endingOf([
      [
        'out',
        lines(900, (line) => `tests/test_mod.py::test_case_${String(line)} PASSED                 [ ok ]`),
      ],
      [
        'err',
        lines(
          700,
          (line) => `/usr/lib/pkg/mod_${String(line)}.py:1: DeprecationWarning: something old is used here`,
        ),
      ],
      ['out', '=== 3 failed, 897 passed in 12.3s ===\n'],
    ]);

  test.each([
    ['by tokens', fitByTokens],
    ['by bytes', fitByBytes],
  ])('%s leaves both ends of both streams', (_how, fit) => {
    const { text } = fit(processTranscript(summary()), 4000);
    expect(text).toMatch(/^tests\/test_mod.py::test_case_1 PASSED/);
    expect(text).toContain('test_case_900 PASSED');
    expect(text).toContain('/mod_1.py:1');
    expect(text).toMatch(/mod_700.py:1: [^\n]*\n=== 3 failed, 897 passed in 12.3s ===\n$/);
    expect(text.match(MARKER)).toHaveLength(2);
  });

  test('gives a long stream what a short one leaves', () => {
    const ending = endingOf([
      ['out', lines(5000, (line) => `line ${String(line)}`)],
      ['err', 'warning\n'],
    ]);
    const { text } = fitByTokens(processTranscript(ending), 2000);
    expect(text).toMatch(/line 5000\nwarning\n$/);
    expect(text.length).toBeGreaterThan(4000);
  });

  test('of a line that is cut leaves the end where it was read', () => {
    const ending = endingOf([
      ['out', 'a'.repeat(300_000)],
      ['err', 'b'.repeat(300_000)],
      ['out', '\nSTDOUT-END\n'],
      ['err', 'STDERR-END\n'],
    ]);
    for (const fit of [fitByTokens, fitByBytes])
      expect(fit(processTranscript(ending), 4000).text).toMatch(/^a[^]*b\n\nSTDOUT-END\nSTDERR-END\n$/);
  });

  test('counts what sandboxd has dropped and what it drops itself: seq 1 100000', () => {
    const ending = endingOf([['out', lines(100_000, String)]]);
    expect(ending.stdout.totalBytes).toBe(588_895);
    for (const fit of [fitByTokens, fitByBytes]) {
      const { text, omittedBytes: omitted } = fit(processTranscript(ending), 4000);
      expect(told(text)).toBe(omitted);
      expect(Buffer.byteLength(text.replace(MARKER, '')) + omitted).toBe(588_895);
    }
  });
});
