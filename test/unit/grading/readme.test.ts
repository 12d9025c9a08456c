import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { graderEndings } from '../../../src/grading/grader-ending.ts';

test('the table in the README lists exactly the endings there are', () => {
  const readme = readFileSync('src/grading/README.md', 'utf8');
  const listed = [...readme.matchAll(/^\| `(\w+)` *\| (\w+) *\| (\d+) *\| (.+?) *\|$/gm)].map((row) =>
    row.slice(1),
  );
  const rows = Object.entries(graderEndings).map(([code, { retry, status, sentence }]) => [
    code, retry ? 'yes' : 'no', String(status), sentence,
  ]); // prettier-ignore
  expect(listed).toEqual(rows);
});
