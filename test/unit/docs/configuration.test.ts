import { expect, test } from 'vitest';
import type { z } from 'zod';
import { readConfig, variables } from '../../../src/config.ts';
import { BUILT_IN_TOOLS, type Task } from '../../../src/policy/schema.ts';
import { toolbox } from '../../../src/tools/toolbox.ts';
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

test('the table of built-in tools lists each with its arguments, optional ones with a question mark', () => {
  const inTable = tableBelow('src/README.md', '## Built-in tools').flatMap(([names = '', parameters = '']) =>
    [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => [
      name,
      [...parameters.matchAll(/`([\w?]+)`/g)].map(([, parameter = '']) => parameter),
    ]),
  );
  const tools = toolbox({ tools: [...BUILT_IN_TOOLS] } as unknown as Task);
  const inCode = [...tools.values()].map(({ name, parameters }) => {
    const shape = parameters.shape as Readonly<Record<string, z.ZodType>>;
    const optional = (type: z.ZodType): boolean => type.safeParse(undefined).success;
    return [name, Object.entries(shape).map(([key, type]) => (optional(type) ? `${key}?` : key))];
  });
  expect(Object.fromEntries(inTable)).toEqual(Object.fromEntries(inCode));
});
