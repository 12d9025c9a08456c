import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeMatches } from '../../src/protocol/listing.ts';
import { flagged, globs, soup, trees, type Glob } from './search-cases.ts';
import { SandboxdProcess, buildSandboxd, ending } from './sandboxd-process.ts';

beforeAll(buildSandboxd);

const EBADMSG = 74;
const ORACLE = join(import.meta.dirname, 'search-oracle.py');
const TREES = Number(process.env['FAULTLINE_SEARCH_TREES'] ?? 15);
const SEARCHES = 40;

interface Search {
  readonly pattern: string;
  readonly glob: Glob | null;
}

/** Sorted `path:line`; null: the pattern was refused. */
type Found = readonly string[] | null;

function plant(root: string, tree: Readonly<Record<string, string>>): void {
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root);
  for (const [path, content] of Object.entries(tree)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

const byCodePoint = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

async function bySandboxd(sandboxd: SandboxdProcess, { pattern, glob }: Search): Promise<Found> {
  const work = {
    kind: 'search-files',
    path: 'tree',
    pattern,
    glob: glob?.text ?? null,
    limit: 100_000,
  } as const;
  const { errno, payload, facts } = ending(await sandboxd.call(work));
  if (errno === EBADMSG) {
    expect(Buffer.from(payload).toString()).toMatch(/^(not a|this) (regular expression|glob)/);
    return null;
  }
  const { items, truncated } = decodeMatches(payload, 'paths');
  expect({ errno, truncated, total: facts?.total }).toEqual({
    errno: 0,
    truncated: false,
    total: items.length,
  });
  return items.map(({ path, line }) => `${path.slice('tree/'.length)}:${String(line)}`).sort(byCodePoint);
}

function byPython(root: string, searches: readonly Search[]): Found[] {
  const asked = searches.map(({ pattern, glob }) => ({ pattern, globs: glob?.alternatives ?? null }));
  const input = JSON.stringify({ root, searches: asked });
  return JSON.parse(
    execFileSync('python3', [ORACLE], { input, encoding: 'utf8', maxBuffer: 2 ** 28 }),
  ) as Found[];
}

/** Searches each tree by both, and gives what `compare` says of each pair. */
async function everywhere(
  searches: fc.Arbitrary<Search>,
  seed: number,
  compare: (search: Search, ours: Found, theirs: Found) => void,
): Promise<void> {
  await using sandboxd = await SandboxdProcess.start();
  const root = join(sandboxd.folder, 'tree');
  for (const [nth, tree] of fc.sample(trees, { seed, numRuns: TREES }).entries()) {
    plant(root, tree);
    const asked = fc.sample(searches, { seed: seed + nth, numRuns: SEARCHES });
    const theirs = byPython(root, asked);
    for (const [at, search] of asked.entries())
      compare(search, await bySandboxd(sandboxd, search), theirs[at] ?? null);
  }
}

const total = TREES * SEARCHES;

describe(`a search, compared with Python's over ${String(TREES)} generated trees`, () => {
  const seed = Number(process.env['FAULTLINE_SEARCH_SEED'] ?? Date.now() % 2 ** 31);

  it(`finds the same lines for ${String(total)} patterns and globs that both know (search-pcre)`, async () => {
    let matching = 0;
    await everywhere(fc.record({ pattern: flagged, glob: globs }), seed, (search, ours, theirs) => {
      if (theirs === null) return;
      expect({ seed, search, found: ours }).toEqual({ seed, search, found: theirs.toSorted(byCodePoint) });
      if (theirs.length > 0) matching += 1;
    });
    expect(matching).toBeGreaterThan(total / 10);
  }, 300_000);

  it(`refuses, or finds the same, for ${String(total)} texts that are mostly no patterns`, async () => {
    let both = 0;
    await everywhere(fc.record({ pattern: soup, glob: fc.constant(null) }), seed, (search, ours, theirs) => {
      if (ours === null || theirs === null) return;
      expect({ seed, search, found: ours }).toEqual({ seed, search, found: theirs.toSorted(byCodePoint) });
      both += 1;
    });
    expect(both).toBeGreaterThan(total / 20);
  }, 300_000);
});
