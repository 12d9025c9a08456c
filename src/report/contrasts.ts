/** The properties by which calls are compared. `after`: the command family of the call before. */
export const BEHAVIOURS = ['tool', 'family', 'after'] as const;
/** Compared by step. */
export const PLACES = ['image', 'task'] as const;
export type Dimension = (typeof BEHAVIOURS)[number] | (typeof PLACES)[number];

/** Calls of one step that are alike in all that is compared. Windows are numbered from the beginning of the step. */
export interface BehaviourGroup {
  readonly job: string;
  readonly step: number;
  readonly stepBeganMs: number;
  readonly task: string | null;
  readonly image: string | null;
  readonly tool: string | null;
  readonly family: string | null;
  readonly after: string | null;
  /** Window in which the calls began. */
  readonly begin: number;
  /** Window up to which they were the latest calls of their rollouts; of failed ones, the window of the failure. */
  readonly end: number;
  readonly calls: number;
  readonly failed: number;
}

/** Calls of one step by where and when they ran. */
export interface PlaceGroup {
  readonly job: string;
  readonly step: number;
  readonly stepBeganMs: number;
  readonly task: string | null;
  readonly image: string | null;
  readonly calls: number;
  readonly failed: number;
}

/** Calls and failures of one level in one stratum, and of everything in that stratum. */
export interface Cell {
  readonly dimension: Dimension;
  readonly level: string;
  /** What counts as independent: a training step, or an hour of it. */
  readonly cluster: string;
  /** UTC day, since 1970. */
  readonly day: number;
  readonly calls: number;
  readonly failed: number;
  readonly allCalls: number;
  readonly allFailed: number;
}

const WINDOW_S = 60;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The window of a time after the beginning of the step: a minute, in which all behaviours meet the same incidents. */
export function windowOf(sinceStepS: number): number {
  return Math.max(0, Math.floor(sinceStepS / WINDOW_S));
}

/** The same in SQL. */
export function windowIn(sinceStepS: string): string {
  return `greatest(0, floor(${sinceStepS} / ${String(WINDOW_S)}))::INTEGER`;
}

/** A step that lasts longer than an hour, as in asynchronous training, counts as one unit per hour. */
function hourOf(window: number): number {
  return Math.floor((window * WINDOW_S * 1000) / HOUR_MS);
}

/**
 * Which calls are compared. `call`: those that began in the same window. `time`: those that were the latest of their rollouts
 * in the window in which one failed; a long command is there in many windows.
 */
export type Risking = 'call' | 'time';

type Levels = Map<string, { calls: number; failed: number }>;

interface Stratum {
  readonly cluster: string;
  readonly day: number;
  readonly byLevel: ReadonlyMap<Dimension, Levels>;
}

/** Cells of the strata (job, step, task, image, window) that had a failure. */
export function behaviourCells(groups: readonly BehaviourGroup[], risking: Risking): Cell[] {
  const strata = new Map<string, Stratum>();
  for (const group of groups) {
    const window = failureWindow(group, risking);
    if (group.failed > 0) strata.set(keyOf(group, window), emptyStratum(group, window));
  }
  for (const group of groups) {
    const last = risking === 'call' ? group.begin : group.end;
    for (let window = group.begin; window <= last; window += 1) {
      const stratum = strata.get(keyOf(group, window));
      const failed = window === failureWindow(group, risking) ? group.failed : 0;
      if (stratum !== undefined) count(stratum, group, failed);
    }
  }
  return [...strata.values()].flatMap(cellsOf);
}

const failureWindow = ({ begin, end }: BehaviourGroup, risking: Risking): number =>
  risking === 'call' ? begin : end;

const keyOf = ({ job, step, task, image }: BehaviourGroup, window: number): string =>
  JSON.stringify([job, step, task, image, window]);

function emptyStratum({ job, step, stepBeganMs }: BehaviourGroup, window: number): Stratum {
  const hour = hourOf(window);
  return {
    cluster: `${job}/${String(step)}/${String(hour)}`,
    day: Math.floor((stepBeganMs + hour * HOUR_MS) / DAY_MS),
    byLevel: new Map<Dimension, Levels>(BEHAVIOURS.map((dimension) => [dimension, new Map() as Levels])),
  };
}

function count({ byLevel }: Stratum, group: BehaviourGroup, failed: number): void {
  for (const dimension of BEHAVIOURS) {
    const levels = byLevel.get(dimension);
    const level = group[dimension];
    if (levels === undefined || level === null) continue;
    const seen = levels.get(level) ?? { calls: 0, failed: 0 };
    seen.calls += group.calls;
    seen.failed += failed;
    levels.set(level, seen);
  }
}

function cellsOf({ cluster, day, byLevel }: Stratum): Cell[] {
  return [...byLevel].flatMap(([dimension, levels]) => {
    const all = [...levels.values()];
    const allCalls = all.reduce((sum, { calls }) => sum + calls, 0);
    const allFailed = all.reduce((sum, { failed }) => sum + failed, 0);
    if (allFailed === 0) return [];
    return [...levels].map(([level, { calls, failed }]) => ({
      ...{
        dimension,
        level,
        cluster,
        day,
        calls,
        failed,
        allCalls,
        allFailed,
      },
    }));
  });
}

/** Cells of the steps that had a failure. */
export function placeCells(groups: readonly PlaceGroup[]): Cell[] {
  const steps = Map.groupBy(groups, ({ job, step }) => `${job}/${String(step)}`);
  return [...steps].flatMap(([cluster, ofStep]) => {
    const day = Math.floor((ofStep[0]?.stepBeganMs ?? 0) / DAY_MS);
    return PLACES.flatMap((dimension) => {
      const known = ofStep.filter((group) => group[dimension] !== null);
      const all = sumOf(known);
      if (all.failed === 0) return [];
      return [...Map.groupBy(known, (group) => group[dimension] ?? '')].map(([level, some]) => ({
        ...{ dimension, level, cluster, day, ...sumOf(some), allCalls: all.calls, allFailed: all.failed },
      }));
    });
  });
}

function sumOf(groups: readonly { calls: number; failed: number }[]): { calls: number; failed: number } {
  return {
    calls: groups.reduce((sum, { calls }) => sum + calls, 0),
    failed: groups.reduce((sum, { failed }) => sum + failed, 0),
  };
}
