import { describe, expect, test } from 'vitest';
import { cell, oneLine, percent, printable, table } from '../../../src/cli/terminal.ts';

describe('what a model wrote, on a terminal', () => {
  test.each([
    ['\u001b[2J\u001b[Hgone', '·[2J·[Hgone'],
    ['a\rb', 'a·b'],
    ['\u202eevil', '·evil'],
    ['\u009b31m', '·31m'],
    ['a\tb', 'a  b'],
    ['line\nline', 'line\nline'],
    ['grüße 🙂', 'grüße 🙂'],
  ])('%j', (text, shown) => {
    expect(printable(text)).toBe(shown);
    expect(oneLine(text)).not.toContain('\n');
  });
});

describe('a table', () => {
  const rows = [
    ['a'.repeat(300), 'x', 1],
    ['b', 'y'.repeat(80), 12_345],
  ];
  test.each([60, 80, 120, 200])('fits %i columns', (width) => {
    for (const line of table(['one', 'two', 'three'], rows, width).split('\n'))
      expect(line.length).toBeLessThanOrEqual(width);
  });

  test('shows values in full where there is room, and escapes what they hold', () => {
    const shown = table(['one', 'two'], [['a\u001b[31m\nb', 12_345]], 80);
    expect(shown).toContain('a·[31m⏎b');
    expect(shown).toContain('12,345');
  });

  test('without rows is its head', () => {
    expect(table(['one'], [], 80)).toContain('one');
  });
});

test('cells and percents', () => {
  expect([cell(null), cell(undefined), cell(0.123456), cell(3), cell({ a: 1 })]).toEqual([
    '',
    '',
    '0.1235',
    '3',
    '{"a":1}',
  ]);
  expect([percent(0), percent(0.001), percent(0.5)]).toEqual(['0.0 %', '0.10 %', '50.0 %']);
});
