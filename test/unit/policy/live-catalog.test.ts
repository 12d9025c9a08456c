import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ConfigurationError } from '../../../src/policy/configuration-error.ts';
import { loadCatalog } from '../../../src/policy/load.ts';
import { LiveCatalog } from '../../../src/policy/live-catalog.ts';
import { specOf } from '../../../src/rollouts/sandbox-spec.ts';

let root = '';
let catalog: LiveCatalog;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'faultline-reload-'));
  for (const folder of ['policies', 'images']) cpSync(folder, join(root, folder), { recursive: true });
  catalog = new LiveCatalog({
    policiesDir: join(root, 'policies'),
    imagesDir: join(root, 'images'),
    taskFile: join(root, 'policies/tasks.yaml'),
  });
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

function edit(path: string, from: string | RegExp, to: string): void {
  const file = join(root, path);
  writeFileSync(file, readFileSync(file, 'utf8').replace(from, to));
}

test('a reload is seen by whoever holds the catalog, and not by a task that is held', () => {
  const held = catalog.defaultTask;
  edit('policies/tasks.yaml', 'image: base', 'image: minimal');
  edit('policies/tasks.yaml', 'shell, python, code_interpreter', 'shell');
  catalog.take(catalog.read());
  expect([held.image.name, catalog.defaultTask.image.name]).toEqual(['base', 'minimal']);
});

test('a broken file changes nothing, and every mistake is told', () => {
  edit('policies/tasks.yaml', 'image: base', 'image: bse');
  edit('policies/default.yaml', '512MiB', '512MB');
  const before = catalog.defaultTask;
  expect(() => catalog.read()).toThrow(ConfigurationError);
  expect(() => catalog.read()).toThrow(/2 mistakes[\s\S]*"bse"|2 mistakes[\s\S]*512MB/);
  expect(catalog.defaultTask).toBe(before);
});

test('another generation of a policy is another pool class, so that no sandbox of the old one is taken for the new', () => {
  const first = specOf(catalog.defaultTask).poolClass;
  catalog.take(catalog.read());
  expect(specOf(catalog.defaultTask).poolClass).toBe(first);
  edit('policies/default.yaml', '512MiB', '256MiB');
  catalog.take(catalog.read());
  expect(specOf(catalog.defaultTask).poolClass).toBe('base/default@2');
  edit('policies/default.yaml', '256MiB', '512MiB');
  catalog.take(catalog.read());
  expect(specOf(catalog.defaultTask).poolClass).toBe('base/default@3');
});

test('a task file elsewhere leaves the one in the folder alone, and neither is read as a policy', () => {
  const taskFile = join(root, 'elsewhere.yaml');
  cpSync(join(root, 'policies/tasks.yaml'), taskFile);
  const other = loadCatalog({
    policiesDir: join(root, 'policies'),
    imagesDir: join(root, 'images'),
    taskFile,
  });
  expect([...other.policies.keys()]).not.toContain('tasks');
});

test('set-up files are read with the configuration', () => {
  writeFileSync(join(root, 'policies/rows.bin'), 'rows');
  const files = '[{ path: /a, content: "text" }, { path: /b, source: rows.bin }]';
  edit('policies/tasks.yaml', 'image: base', `image: base\n    files: ${files}`);
  catalog.take(catalog.read());
  const contents = catalog.defaultTask.files.map(({ base64 }) => Buffer.from(base64, 'base64').toString());
  expect(contents).toEqual(['text', 'rows']);
  rmSync(join(root, 'policies/rows.bin'));
  expect(() => catalog.read()).toThrow(/tasks.yaml:\d+: tasks.base.files\[1\].source: ENOENT/);
});
