import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadCatalog } from '../../../src/policy/load.ts';
import type { Catalog } from '../../../src/policy/schema.ts';

/** What version 0.1.0 wrote and answered; `test/fixtures/0.1.0/README.md` says how it was recorded. */
export const FIXTURE = 'test/fixtures/0.1.0';

export function linesOf<Line>(file: string): Line[] {
  const lines = readFileSync(join(FIXTURE, file), 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Line);
}

/** Its journal, line by line, as text. */
export function journalLines(): string[] {
  const files = readdirSync(join(FIXTURE, 'journal')).toSorted();
  return files.flatMap((file) =>
    readFileSync(join(FIXTURE, 'journal', file), 'utf8')
      .trimEnd()
      .split('\n'),
  );
}

/** The configuration it ran with, read by the present loader. */
export function oldCatalog(): Catalog {
  const folder = mkdtempSync(join(tmpdir(), 'faultline-old-config-'));
  try {
    cpSync(join(FIXTURE, 'config'), folder, { recursive: true });
    const policiesDir = join(folder, 'policies');
    cpSync('policies/seccomp', join(policiesDir, 'seccomp'), { recursive: true });
    return loadCatalog({
      policiesDir,
      imagesDir: join(folder, 'images'),
      taskFile: join(policiesDir, 'tasks.yaml'),
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
