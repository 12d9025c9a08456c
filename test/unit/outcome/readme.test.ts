import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { causes } from '../../../src/outcome/causes.ts';

it('the table in the README is the table in the code', () => {
  const readme = readFileSync(new URL('../../../src/outcome/README.md', import.meta.url), 'utf8');
  const rows = readme.split('\n').filter((line) => line.startsWith('| `'));
  const documented = rows.map((row) => {
    const [code, attribution, status, ends, excludes, sentence] = row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    return {
      code: code?.replaceAll('`', ''),
      attribution,
      status: Number(status),
      endsRollout: ends === 'yes',
      excludes: excludes === 'yes',
      sentence,
    };
  });
  expect(documented).toEqual(Object.entries(causes).map(([code, cause]) => ({ code, ...cause })));
});
