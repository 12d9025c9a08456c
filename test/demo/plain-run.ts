import type { Step, Trajectory } from './cases.ts';
import type { Seen } from './seen.ts';
import type { Reference } from './reference.ts';

/** Runs a whole trajectory. A bare `cd` sets the directory of later commands, as in a persistent shell. */
export async function runPlain(
  reference: Reference,
  trajectory: Trajectory,
  {
    limitMs,
    stop,
    onStep,
  }: { readonly limitMs: number; readonly stop: AbortSignal; readonly onStep: () => void },
): Promise<Seen[]> {
  const seen: Seen[] = [];
  let workingDir = '/';
  for (const step of trajectory.steps) {
    stop.throwIfAborted();
    const result = await reference.exec(step.plain, workingDir, limitMs);
    seen.push(result);
    if (result.exitCode === 0 && isBareCd(step))
      workingDir = await folderAfter(reference, step, workingDir, limitMs);
    onStep();
  }
  return seen;
}

/** Whether the command is `cd DIR` and nothing else; `$(…)` is part of DIR. */
export function isBareCd(step: Step): boolean {
  if (!/^\s*cd(?:\s|$)/.test(step.run)) return false;
  let folder = step.run;
  for (let inner = ''; inner !== folder;) {
    inner = folder;
    folder = folder.replace(/\$\([^()]*\)/g, '');
  }
  return !/[;&|\n]/.test(folder);
}

async function folderAfter(
  reference: Reference,
  step: Step,
  before: string,
  limitMs: number,
): Promise<string> {
  const { stdout } = await reference.exec(`${step.plain} >/dev/null && pwd`, before, limitMs);
  return stdout.replace(/\n$/, '') || before;
}
