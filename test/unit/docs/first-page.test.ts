import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { tableBelow } from './readme-table.ts';

const page = readFileSync('README.md', 'utf8');
/** What comes later gets a line and a link here, and a page in its folder. */
const MOST_LINES = 150;

test('the first page stays one that is read to its end', () => {
  expect(page.split('\n').length - 1).toBeLessThanOrEqual(MOST_LINES);
});

test('it says in three sentences what this is, and names the platform', () => {
  const first = page.split('\n\n')[1] ?? '';
  expect(first.split(/[.!?](?:\s|$)/).filter((sentence) => sentence !== '')).toHaveLength(3);
  expect(first).toContain('OpenAI');
});

test('its glossary has the ten words that the rest relies on', () => {
  const terms = tableBelow('README.md', '# faultline').map(([term]) => term?.replaceAll('*', ''));
  expect(terms).toEqual([
    'rollout', 'trajectory', 'tool call', 'sandbox', 'sandbox policy', 'task', 'verdict', 'infra / model', 'replay',
    'grader gate',
  ]); // prettier-ignore
});

test('each result has a link to its proof', () => {
  const results = tableBelow('README.md', '## Results, on 2 cores');
  expect(results).toHaveLength(6);
  for (const [, , proof] of results) expect(proof).toMatch(/^\[[^\]]+\]\(test\/bench\/README\.md#/);
});
