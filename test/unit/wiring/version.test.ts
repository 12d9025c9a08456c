import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { VERSION } from '../../../src/wiring/controller.ts';

interface Package {
  readonly version: string;
  readonly packages?: Readonly<Record<string, { readonly version: string }>>;
}

const read = (file: string): Package => JSON.parse(readFileSync(file, 'utf8')) as Package;

it('the server, the package and the changelog name the same version', () => {
  const lock = read('package-lock.json');
  expect([read('package.json').version, lock.version, lock.packages?.['']?.version]).toEqual(
    Array(3).fill(VERSION),
  );
  const headings = readFileSync('CHANGELOG.md', 'utf8').match(/^## [0-9.]+/gm);
  expect(headings?.[0]).toBe(`## ${VERSION}`);
});
