import { expect, test } from 'vitest';
import { configurationJsonSchemas } from '../../../src/policy/json-schema.ts';
import { loadCatalog } from '../../../src/policy/load.ts';

test('the files that ship with the project load', () => {
  const shipped = loadCatalog({
    policiesDir: 'policies',
    imagesDir: 'images',
    taskFile: 'policies/tasks.yaml',
  });
  expect([...shipped.tasks.keys()]).toEqual(expect.arrayContaining(['base', 'minimal']));
});

test('editors get a schema for each kind of file', () => {
  const { policy } = configurationJsonSchemas();
  expect(policy).toMatchObject({ properties: { limits: { properties: { memory: { type: 'string' } } } } });
});
