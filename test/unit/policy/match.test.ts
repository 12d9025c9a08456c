import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pointerProblem, resolvePointer } from '../../../src/policy/json-pointer.ts';
import { chooseTask, ruleHolds } from '../../../src/policy/match.ts';
import type { Catalog, Rule, Task } from '../../../src/policy/schema.ts';

const task = (name: string, when: Rule[] = []): Task => ({ name, when }) as unknown as Task;
const base = task('base');
const rust = task('rust', [
  { pointer: '/language', equals: 'rust' },
  { pointer: '/hard', exists: true },
]);
const anyLanguage = task('any', [{ pointer: '/language', exists: true }]);
const tasks = new Map([base, rust, anyLanguage].map((one) => [one.name, one]));
const catalog: Catalog = { defaultTask: base, tasks, images: new Map(), policies: new Map() };

describe('the choice of a task', () => {
  test.each([
    ['the named task, whatever the item says', { task: 'rust', item: {} }, rust],
    ['the first task all of whose rules hold', { item: { language: 'rust', hard: null } }, rust],
    ['not a task of which one rule fails', { item: { language: 'rust' } }, anyLanguage],
    ['the default where no rule holds', { item: { topic: 'c' } }, base],
    ['the default without an item', {}, base],
    ['the default where the item is no object', { item: 'rust' }, base],
  ])('%s', (_what, wish, expected) => {
    expect(chooseTask(catalog, wish)).toBe(expected);
  });

  test('an unknown name is a problem, never the default in silence', () => {
    expect(chooseTask(catalog, { task: 'rest' })).toEqual({ problem: 'there is no task "rest"' });
    expect(chooseTask(catalog, { task: '' })).toHaveProperty('problem');
  });
});

describe('a rule that must not hold', () => {
  test.each<[string, Rule, unknown]>([
    ['a number is not its text', { pointer: '/a', equals: '1' }, { a: 1 }],
    ['null is not missing', { pointer: '/a', equals: null }, {}],
    ['nothing but strings matches', { pointer: '/a', matches: '1' }, { a: 1 }],
    ['an inherited property is not there', { pointer: '/constructor', exists: true }, {}],
    ['the length of an array is not there', { pointer: '/length', exists: true }, [1]],
    ['an index with a leading zero is none', { pointer: '/01', exists: true }, [1, 2]],
    ['beyond the end of an array', { pointer: '/-', exists: true }, [1]],
    ['inside a string', { pointer: '/a/0', exists: true }, { a: 'text' }],
    ['something that is there', { pointer: '/a', exists: false }, { a: undefined }],
  ])('%s', (_what, rule, item) => {
    expect(ruleHolds(rule, item)).toBe(false);
  });
});

describe('JSON pointers', () => {
  test('any key is reached by its escaped form', () => {
    fc.assert(
      fc.property(fc.string(), fc.jsonValue(), (key, value) => {
        const pointer = `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
        const document = Object.defineProperty({}, key, { value, enumerable: true });
        expect(pointerProblem(pointer)).toBeNull();
        expect(resolvePointer(document, pointer)).toEqual({ found: true, value });
      }),
    );
  });

  test('the empty pointer is the whole document', () => {
    expect(resolvePointer(7, '')).toEqual({ found: true, value: 7 });
  });

  test.each(['a', 'a/b', '/~', '/~2', '#/a'])('%s is none', (text) => {
    expect(pointerProblem(text)).not.toBeNull();
  });
});
