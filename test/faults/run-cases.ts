import type { CaseLibrary } from './case-files.ts';
import type { FaultCase } from './case-schema.ts';
import { errorMessage } from '../../src/kernel/errors.ts';
import { playCase, type CaseResult } from './play.ts';
import { World } from './world.ts';

export interface RunOptions {
  readonly seed: number;
  readonly truthFile: string;
  readonly onResult: (result: CaseResult) => void;
}

/** Plays cases that want the same engine in one world, one after the other. One that breaks down gets a new world. */
export async function runCases(
  cases: readonly FaultCase[],
  calls: CaseLibrary['calls'],
  options: RunOptions,
): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const liveRestore of [true, false]) {
    let left = cases.filter(({ engine }) => engine.live_restore === liveRestore);
    while (left.length > 0) {
      await using world = await World.start({ ...options, liveRestore });
      const played = await playUntilBroken(world, left, calls, options.onResult);
      results.push(...played);
      left = left.slice(played.length);
    }
  }
  return results;
}

/** Results of the cases from the first on, up to one whose steps could not be played. */
async function playUntilBroken(
  world: World,
  cases: readonly FaultCase[],
  calls: CaseLibrary['calls'],
  onResult: RunOptions['onResult'],
): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const one of cases) {
    const began = performance.now();
    try {
      results.push(await playCase(world, one, calls));
    } catch (error) {
      results.push(unplayed(one.name, performance.now() - began, errorMessage(error)));
    }
    const result = results.at(-1);
    if (result !== undefined) onResult(result);
    if (result?.judgements.length === 0) break;
  }
  return results;
}

function unplayed(name: string, durationMs: number, problem: string): CaseResult {
  const counts = { counted: 0, duplicates: 0, lost: 0, compared: 0 };
  return { name, judgements: [], counts, recoveriesMs: [], durationMs, problems: [problem] };
}
