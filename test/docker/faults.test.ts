import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadCases } from '../faults/case-files.ts';
import { runCases } from '../faults/run-cases.ts';
import { tally } from '../faults/tally.ts';

it(
  'infrastructure that breaks costs no rollout its grade and no call a second run',
  { timeout: 240_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'faultline-truth-'));
    try {
      const { cases, calls } = loadCases();
      const results = await runCases(
        cases.filter(({ short }) => short),
        calls,
        { seed: 1, truthFile: join(folder, 'truth.jsonl'), onResult: () => undefined },
      );
      expect(
        results.flatMap(({ name, problems }) => problems.map((problem) => `${name}: ${problem}`)),
      ).toEqual([]);
      expect(tally(results)).toMatchObject({ wrongModel: 0, wrongInfra: 0, duplicates: 0, lost: 0 });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
