import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eventText } from '../../../src/journal/event-text.ts';

const values = fc.jsonValue({ stringUnit: 'binary', maxDepth: 3 });

test('any value comes back, with U+FFFD for half a surrogate pair and nothing else changed', () => {
  const halves = fc.string({
    unit: fc.constantFrom('\\', '\ud800', '\udc00', 'u', 'd', '8', '0', '"', 'é', '😀'),
  });
  const check = (value: unknown): void => {
    const event = { type: 'x', value };
    const text = eventText(event);
    const wellFormed: unknown = JSON.parse(JSON.stringify(event), (_key, one: unknown) =>
      typeof one === 'string' ? one.toWellFormed() : one,
    );
    expect(JSON.parse(text)).toEqual(wellFormed);
    expect(text.isWellFormed()).toBe(true);
  };
  fc.assert(fc.property(halves, check), { numRuns: 2000 });
  fc.assert(fc.property(values, check), { numRuns: 500 });
});

test('text that looks like an escape stays as it is', () => {
  expect(JSON.parse(eventText({ a: '\\ud800', b: '\\\\ud800' }))).toEqual({ a: '\\ud800', b: '\\\\ud800' });
});
