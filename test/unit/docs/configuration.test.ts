import { expect, test } from 'vitest';
import { readConfig, variables } from '../../../src/config.ts';
import { codeIn, tableBelow } from './readme-table.ts';

const documented = tableBelow('src/README.md', '## Configuration').map(([name, fallback = '']) => ({
  name: codeIn(name),
  /** Null if the default is computed and therefore described in words. */
  fallback: /^`[^`]+`$/.test(fallback) ? codeIn(fallback) : null,
}));

test('the table of environment variables lists exactly those that the server reads', () => {
  expect(documented.map(({ name }) => name).sort()).toEqual(Object.keys(variables.shape).sort());
});

/** So that every variable has its effect; the grader's have none without a URL. */
const GRADER = { FAULTLINE_GRADER_URL: 'http://127.0.0.1:8090' };

test.each(documented.filter(({ fallback }) => fallback !== null))(
  'without $name the server behaves as with its documented default',
  ({ name, fallback }) => {
    expect(readConfig({ ...GRADER, [name]: fallback ?? '' })).toEqual(readConfig(GRADER));
  },
);

test('a variable whose default stands in words has no fixed one in the schema', () => {
  const inWords = documented.filter(({ fallback }) => fallback === null).map(({ name }) => name);
  const fixed = Object.entries(variables.parse({})).filter(([, value]) => value !== undefined);
  expect(fixed.filter(([name]) => inWords.includes(name))).toEqual([]);
});
