import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isDeeperThan, jsonText } from '../../../src/kernel/json-text.ts';

it('is the text of JSON.stringify', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
      const parsed = JSON.parse(JSON.stringify(value)) as unknown;
      expect(jsonText(parsed)).toBe(JSON.stringify(parsed));
    }),
  );
});

it('sorts keys, as the digests of 0.1.0 have them', () => {
  expect(jsonText(JSON.parse('{"b":1,"10":2,"9":{"z":[],"a":null}}'), 'sorted')).toBe(
    '{"9":{"a":null,"z":[]},"10":2,"b":1}',
  );
});

it('takes a value as deep as a request can hold', () => {
  const text = '['.repeat(500_000) + ']'.repeat(500_000);
  expect(jsonText(JSON.parse(text))).toBe(text);
});

it.each([
  ['1', 0, false],
  ['[1]', 0, true],
  ['[[1],{"a":[]}]', 2, false],
  ['[[1],{"a":[]}]', 1, true],
])('%s is deeper than %i levels: %s', (text, levels, deeper) => {
  expect(isDeeperThan(JSON.parse(text), levels)).toBe(deeper);
});
