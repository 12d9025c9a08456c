import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { tableBelow } from './readme-table.ts';

const steps = tableBelow('CONTRIBUTING.md', '## A walk of one call').flatMap(([, file, functions = '']) => {
  const path = /\]\(([^)]+)\)/.exec(file ?? '')?.[1] ?? '';
  return [...functions.matchAll(/`([^`]+)`/g)].map(([, name = '']) => ({ path, name }));
});

test('the walk goes from the route to the answer', () => {
  expect(steps.length).toBeGreaterThan(15);
  expect(steps.at(0)?.path).toBe('src/http/tool-routes.ts');
  expect(steps.at(-1)?.path).toBe('src/http/tool-routes.ts');
});

/** Declared there, not only called. */
const declaration = (name: string): RegExp =>
  new RegExp(
    String.raw`^(export )?(async )?(function|class) ${name}\b|^  (static )?(async )?${name}(<[^>]*>)?\(`,
    'm',
  );

test.each(steps)('a newcomer finds $name in $path', ({ path, name }) => {
  expect(readFileSync(path, 'utf8')).toMatch(declaration(name));
});
