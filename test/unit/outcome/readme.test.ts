import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { causes } from '../../../src/outcome/causes.ts';

it('the table in the README is the table in the code', () => {
  const readme = readFileSync(new URL('../../../src/outcome/README.md', import.meta.url), 'utf8');
  const rows = [...readme.matchAll(/^\| `(\w+)` \| (\w+) \| (\d+) \| (yes|no) \| (yes|no) \| (.*) \|$/gm)];
  const documented = rows.map(([, code, attribution, status, ends, excludes, sentence]) => ({
    code,
    attribution,
    status: Number(status),
    endsRollout: ends === 'yes',
    excludes: excludes === 'yes',
    sentence,
  }));
  expect(documented).toEqual(Object.entries(causes).map(([code, cause]) => ({ code, ...cause })));
});
