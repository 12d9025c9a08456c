import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  BUILT_IN_TOOLS, capability, imageSchema, policySchema, taskFileSchema, taskSchema,
} from '../../../src/policy/schema.ts'; // prettier-ignore
import { codeIn, tableBelow } from './readme-table.ts';
import { fieldsOf, type Field } from './schema-fields.ts';

function documented(file: string, heading: string): Field[] {
  return tableBelow(file, heading).map(([path, type = '', required, fallback = '']) => ({
    path: codeIn(path),
    type,
    required: required as Field['required'],
    default: fallback,
  }));
}

const POLICIES = 'policies/README.md';

describe('an operator finds each field of a configuration file, as the server reads it', () => {
  test('sandbox policy', () => {
    expect(documented(POLICIES, '## Fields of a sandbox policy')).toEqual(fieldsOf(policySchema));
  });

  test('image.yaml', () => {
    expect(documented('images/README.md', '## Fields of `image.yaml`')).toEqual(fieldsOf(imageSchema));
  });

  test('tasks.yaml', () => {
    const own = fieldsOf(taskFileSchema).filter(({ path }) => !path.startsWith('tasks.'));
    expect(documented(POLICIES, '### Fields of `tasks.yaml`')).toEqual(own);
  });

  test('task', () => {
    expect(documented(POLICIES, '### Fields of a task')).toEqual(fieldsOf(taskSchema));
  });

  test.each([
    ['A capability', capability.options],
    ['A built-in tool', BUILT_IN_TOOLS],
  ])('%s is one of those that there are', (what, names) => {
    const prose = readFileSync(POLICIES, 'utf8').replaceAll(/\s+/g, ' ');
    expect(prose).toContain(`${what} is one of ${names.map((name) => `\`${name}\``).join(', ')}.`);
  });

  test('and each has a meaning, but for those that only group others', () => {
    const rows = [
      ...tableBelow(POLICIES, '## Fields of a sandbox policy'),
      ...tableBelow(POLICIES, '### Fields of a task'),
      ...tableBelow('images/README.md', '## Fields of `image.yaml`'),
    ];
    const silent = rows.filter((row) => row[4] === '').map(([path]) => codeIn(path));
    expect(silent).toEqual(['limits', 'times']);
  });
});
