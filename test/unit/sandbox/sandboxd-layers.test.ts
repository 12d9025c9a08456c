import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const FOLDER = resolve(import.meta.dirname, '../../../docker/sandboxd');

type Layers = ReadonlyMap<string, number>;
type Sources = ReadonlyMap<string, string>;

/** Rows `| 3 | `a` `b` | … |` of the README's table of modules. */
function layersOf(readme: string): Layers {
  const rows = [...readme.matchAll(/^\| (\d+) +\| ([^|]+)\|/gm)];
  return new Map(
    rows.flatMap(([, layer, modules = '']) =>
      [...modules.matchAll(/`([\w-]+)`/g)].map(([, name = '']) => [name, Number(layer)] as const),
    ),
  );
}

const moduleOf = (file: string): string => file.replace(/\.[ch]$/, '');

/** Includes that do not go down, modules without a layer, and declarations past the headers. */
function offences(layers: Layers, sources: Sources): string[] {
  return [...sources].flatMap(([file, text]) => {
    const layer = layers.get(moduleOf(file));
    if (layer === undefined) return [`${file} has no layer`];
    const included = [...text.matchAll(/^#include "([^"]+)"/gm)].map(([, header = '']) => header);
    const upward = included.filter(
      (header) =>
        moduleOf(header) !== moduleOf(file) && !((layers.get(moduleOf(header)) ?? Infinity) < layer),
    );
    const declares =
      file.endsWith('.c') && /^\s*extern\b/m.test(text) ? [`${file} declares past the headers`] : [];
    return [...upward.map((header) => `${file} includes ${header}`), ...declares];
  });
}

const files = readdirSync(FOLDER).filter((name) => /\.[ch]$/.test(name));
const sources = new Map(files.map((name) => [name, readFileSync(join(FOLDER, name), 'utf8')]));
const layers = layersOf(readFileSync(join(FOLDER, 'README.md'), 'utf8'));

test('the modules of sandboxd include only modules of lower layers, so that no calls go in a circle', () => {
  expect(offences(layers, sources)).toEqual([]);
});

test('the README names every module of sandboxd, and no other', () => {
  expect([...layers.keys()].sort()).toEqual([...new Set(files.map(moduleOf))].sort());
});

test.each([
  ['an include of a higher layer', 'frames.c', '#include "calls.h"\n', 'frames.c includes calls.h'],
  ['an include of the same layer', 'frames.h', '#include "job.h"\n', 'frames.h includes job.h'],
  ['an include of an unknown header', 'frames.c', '#include "sandboxd.h"\n', 'frames.c includes sandboxd.h'],
  ['a module without a layer', 'new.c', '', 'new.c has no layer'],
  ['a function declared in a source', 'tree.c', 'extern void f(void);\n', 'tree.c declares past the headers'],
])('%s is found', (_name, file, text, offence) => {
  expect(offences(layers, new Map([...sources, [file, text]]))).toEqual([offence]);
});
