import { createRequire } from 'node:module';
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { tableBelow } from './readme-table.ts';

interface Rule {
  readonly name: string;
  readonly to: { readonly path: string };
}

const { forbidden } = createRequire(import.meta.url)('../../lint/layers.cjs') as {
  forbidden: readonly Rule[];
};

/** What the layer check forbids: for each folder the folders that it must not import from. */
const checked = new Map(
  forbidden.flatMap(({ name, to }) => {
    const folder = /^(\w+)-looks-down-only$/.exec(name)?.[1];
    if (folder === undefined) return [];
    const listed = /^\^src\/\(([^)]*)\)/.exec(to.path)?.[1] ?? '';
    return [[folder, listed.split('|').sort()] as const];
  }),
);

/** Layers as CONTRIBUTING.md lists them, the lowest first. */
const documented = tableBelow('CONTRIBUTING.md', '## Layers').map(([, folders = '']) =>
  [...folders.matchAll(/`(\w+)\/`/g)].map(([, folder = '']) => folder),
);

test('each folder of src stands in one layer of the table', () => {
  const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(documented.flat().sort()).toEqual(folders.map(({ name }) => name).sort());
});

test('the layer check forbids a folder exactly what the table puts beside or above it', () => {
  const wanted = documented.flatMap((folders, level) =>
    folders
      .filter((folder) => checked.has(folder))
      .map((folder) => {
        const same = folders.filter((other) => other !== folder);
        const above = documented.slice(level + 1).flat();
        return [folder, [...same, ...above].filter((other) => checked.has(other)).sort()] as const;
      }),
  );
  const forbiddenTo = [...checked].filter(([, others]) => others.join('') !== '');
  expect(Object.fromEntries(wanted.filter(([, others]) => others.length > 0))).toEqual(
    Object.fromEntries(forbiddenTo),
  );
});

test('only the clients, which know the wire alone, have no rule of a layer', () => {
  const topmost = documented.at(-1) ?? [];
  expect(documented.flat().filter((folder) => !checked.has(folder) && !topmost.includes(folder))).toEqual([
    'client',
  ]);
});
