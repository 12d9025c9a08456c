import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { tableBelow } from './readme-table.ts';

interface Rule {
  readonly name: string;
  readonly to: { readonly path?: string };
}

const { forbidden } = createRequire(import.meta.url)('../../lint/layers.cjs') as {
  readonly forbidden: readonly Rule[];
};

/** The folders that the layer check forbids to each folder. */
const checked = Object.fromEntries(
  forbidden.flatMap(({ name, to }) => {
    const folder = /^(\w+)-looks-down-only$/.exec(name)?.[1];
    const listed = /^\^src\/\(([^)]+)\)/.exec(to.path ?? '')?.[1];
    return folder === undefined ? [] : [[folder, (listed ?? '').split('|').sort()]];
  }),
) as Readonly<Record<string, readonly string[]>>;

const foldersOf = (cell = ''): string[] => [...cell.matchAll(/`(\w+)\/`/g)].map(([, folder = '']) => folder);
const rows = tableBelow('CONTRIBUTING.md', '## Layers');
/** The numbered layers, the lowest first. */
const layers = rows.filter(([number]) => /^\d+$/.test(number ?? '')).map(([, folders]) => foldersOf(folders));

test('each folder of src has its place in the table of layers', () => {
  const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const documented = rows.flatMap(([, cell]) => foldersOf(cell));
  expect(documented.sort()).toEqual(folders.map(({ name }) => name).sort());
});

test('the layer check forbids each folder what the table has beside it and above it, and nothing else', () => {
  const documented = layers.flatMap((folders, level) =>
    folders.map((folder) => {
      const beside = folders.filter((other) => other !== folder);
      return [folder, [...beside, ...layers.slice(level + 1).flat()].sort()] as const;
    }),
  );
  expect(Object.fromEntries(documented.filter(([, others]) => others.length > 0))).toEqual(checked);
});

test('the layers are numbered from 1 without a gap', () => {
  const numbers = rows.map(([number]) => number).filter((number) => number !== '–');
  expect(numbers).toEqual(layers.map((_layer, index) => String(index + 1)));
});
