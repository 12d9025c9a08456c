import { format } from 'prettier';
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

test.each(Object.entries(configurationJsonSchemas()))(
  "the editors' schema of %s is what the code checks (vitest -u writes it anew)",
  async (kind, schema) => {
    const text = await format(JSON.stringify(schema), { parser: 'json', printWidth: 110 });
    await expect(text).toMatchFileSnapshot(`../../../policies/schema/${kind}.json`);
  },
);
