import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadCases } from '../../faults/case-files.ts';

const CASE = `title: One
cast:
  - { call: good }
steps:
  - { do: open }
transparent: expected
`;

function load(text: string): unknown {
  const folder = mkdtempSync(join(tmpdir(), 'faultline-cases-'));
  try {
    writeFileSync(join(folder, 'one.yaml'), text);
    return loadCases(folder).cases;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

it('the cases that ship are well-formed', () => {
  expect(loadCases().cases.length).toBeGreaterThan(30);
});

it('a new case is a file', () => {
  expect(load(CASE)).toMatchObject([{ name: 'one', cast: [{ call: 'good', rollouts: 1 }] }]);
});

it.each([
  ['an unknown step', CASE.replace('do: open', 'do: opne'), /one\.yaml:5: steps\[0\]/],
  [
    'a call that nobody has described',
    CASE.replace('good', 'god'),
    /one\.yaml:3: cast\[0\]\.call: no call "god"/,
  ],
  ['a field that no case has', `${CASE}transparant: no\n`, /one\.yaml:7: transparant: unknown field/],
  ['a cause that the server has not', `${CASE}endings: [infra]\n`, /one\.yaml:7: endings\[0\]/],
])('%s is named by file and line', (_name, text, problem) => {
  expect(() => load(text)).toThrow(problem);
});
