import type { Trajectory } from './cases.ts';
import { compare, type Comparison } from './compare.ts';
import type { Seen } from './seen.ts';
import type { Solved } from './python-run.ts';
import type { OurStep } from './shell-run.ts';

export interface ComparedStep extends Comparison {
  readonly trajectory: string;
  readonly index: number;
  readonly command: string;
  readonly first: boolean;
  readonly durationMs: number;
  readonly ours: Seen | null;
  readonly plain: readonly [Seen, Seen];
}

/** Both plain runs of a trajectory, step by step. */
export type PlainRuns = readonly [readonly Seen[], readonly Seen[]];

export function compareAll(
  trajectories: readonly Trajectory[],
  ours: ReadonlyMap<string, readonly OurStep[]>,
  plain: ReadonlyMap<string, PlainRuns>,
): ComparedStep[] {
  return trajectories.flatMap(({ id, steps }) =>
    steps.map((step, index) => {
      const mine = ours.get(id)?.[index];
      const [first, second] = [plain.get(id)?.[0][index], plain.get(id)?.[1][index]];
      if (mine === undefined || first === undefined || second === undefined)
        throw new Error(`${id} is incomplete`);
      const comparison =
        mine.seen === null ? failure(mine.problem) : compare(step.run, mine.seen, first, second);
      const { seen, durationMs } = mine;
      return {
        ...{ trajectory: id, index, command: step.run, first: index === 0, durationMs },
        ...{ ours: seen, plain: [first, second] as const, ...comparison },
      };
    }),
  );
}

function failure(problem: string | null): Comparison {
  return { verdict: 'different', reason: problem ?? 'no answer' };
}

export interface Summary {
  readonly steps: readonly ComparedStep[];
  readonly solved: readonly Solved[];
  /** Wall time of faultline's calls, without the references. */
  readonly shellMs: number;
  readonly pythonMs: number;
  readonly rollouts: number;
  readonly width: number;
}

export function isClean({ steps, solved }: Summary): boolean {
  return steps.every(({ verdict }) => verdict !== 'different') && solved.every(({ passed }) => passed);
}

const CLIPPED = 4000;

/** The summary without outputs that were equal, and with long output cut. */
export function forFile(summary: Summary): object {
  const clip = (seen: Seen): Seen => ({
    stdout: seen.stdout.slice(0, CLIPPED),
    stderr: seen.stderr.slice(0, CLIPPED),
    exitCode: seen.exitCode,
  });
  const steps = summary.steps.map(({ ours, plain, ...step }) =>
    step.verdict === 'equal' ? step : { ...step, ours: ours && clip(ours), plain: plain.map(clip) },
  );
  return { ...summary, steps };
}

/** The percentile `share` (0 to 1) of the values; 0 if there are none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

const times = (values: readonly number[]): string =>
  `p50 ${percentile(values, 0.5).toFixed(1)} ms, p95 ${percentile(values, 0.95).toFixed(1)} ms`;

export function renderReport(summary: Summary): string {
  const blocks = [
    summary.steps.length > 0 ? shellTable(summary) : '',
    summary.solved.length > 0 ? pythonTable(summary) : '',
  ];
  return blocks.filter((block) => block !== '').join('\n\n');
}

function shellTable({ steps, shellMs, rollouts, width }: Summary): string {
  const of = (verdict: Comparison['verdict']): ComparedStep[] =>
    steps.filter((step) => step.verdict === verdict);
  const duration = (first: boolean): number[] =>
    steps.filter((step) => step.first === first).map((step) => step.durationMs);
  const explained = of('explained');
  const rows: [string, string][] = [
    ['rollouts', `${String(rollouts)}, ${String(width)} at a time`],
    ['calls', String(steps.length)],
    ['equal', String(of('equal').length)],
    ['different, explained', String(explained.length)],
    ['different', String(of('different').length)],
    ['time of a first call', `${times(duration(true))} (container started)`],
    ['time of a later call', times(duration(false))],
    ['wall time', `${(shellMs / 1000).toFixed(1)} s, without plain docker`],
  ];
  return [
    'shell: answers compared with docker exec',
    ...table(rows),
    ...listed(explained),
    ...listed(of('different')),
  ].join('\n');
}

function pythonTable({ solved, pythonMs, width }: Summary): string {
  const failed = solved.filter(({ passed }) => !passed);
  const durations = solved.map(({ durationMs }) => durationMs);
  const rows: [string, string][] = [
    ['problems', `${String(solved.length)}, each a rollout, ${String(width)} at a time`],
    ['passed', String(solved.length - failed.length)],
    ['time of a call', `${times(durations)} (container and interpreter started)`],
    ['wall time', `${(pythonMs / 1000).toFixed(1)} s`],
  ];
  const failures = failed.map(({ id, output }) => `  FAILED ${id}: ${oneLine(output, 300)}`);
  return ['python: solutions with their tests', ...table(rows), ...failures].join('\n');
}

function table(rows: readonly [string, string][]): string[] {
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value}`);
}

/** The steps grouped by reason, with every command. */
function listed(steps: readonly ComparedStep[]): string[] {
  const groups = Object.entries(Object.groupBy(steps, ({ reason, verdict }) => `${verdict}: ${reason}`));
  return groups.flatMap(([title, members = []]) => [
    `  ${title} (${String(members.length)})`,
    ...members.map(
      ({ trajectory, index, command }) => `    ${trajectory} ${String(index + 1)}: ${oneLine(command, 110)}`,
    ),
  ]);
}

function oneLine(text: string, length: number): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > length ? `${line.slice(0, length)}…` : line;
}
