import { windowOf, type BehaviourGroup, type PlaceGroup } from '../../../src/report/contrasts.ts';
import { seeded } from '../support/seeded.ts';

/**
 * A month of training in memory, from a seed. Nothing in it depends on behaviour unless `planted` says so; all else is as
 * unpleasant as training is: commands take between milliseconds and minutes; what a rollout does depends on its task, its
 * row, its progress, its last command and the month; infrastructure fails by the call and by the time, in hours that are bad
 * all over, on hosts that die with all their sandboxes, in one image; rollouts of one row start together, often on one host.
 */
export interface Training {
  readonly seed: number;
  readonly steps: number;
  readonly rollouts: number;
  readonly incidents: number;
  readonly planted?: { readonly family: string; readonly hazard: number; readonly fromStep: number };
}

export interface Step {
  readonly number: number;
  readonly beganMs: number;
  readonly calls: readonly SimulatedCall[];
  /** Share of rollouts that a failure excludes. */
  readonly excluded: number;
}

export interface SimulatedCall {
  readonly rollout: number;
  readonly task: string;
  readonly tool: string;
  readonly family: string | null;
  readonly after: string | null;
  /** Seconds since the beginning of the step. */
  readonly begin: number;
  /** Up to which it is the latest call of its rollout; of a failed one, when it failed. */
  readonly until: number;
  readonly failed: boolean;
}

/** Weight at the beginning and at the end of a rollout, and seconds that it takes. */
const HABITS = {
  swe: [
    ['ls', 20, 5, 0.02], ['cat', 25, 20, 0.05], ['grep', 15, 10, 0.3], ['git clone', 25, 1, 20], ['git diff', 2, 20, 0.2],
    ['pytest', 1, 30, 90], ['pip install', 12, 3, 30], ['sed', 2, 20, 0.05], ['make test', 1, 8, 200],
  ],
  data: [
    ['ls', 20, 5, 0.02], ['head', 25, 10, 0.05], ['awk', 5, 20, 3], ['git clone', 6, 0, 15], ['pip install', 15, 2, 30], ['wc', 10, 10, 0.1],
    ['python', 5, 40, 60],
  ],
} as const; // prettier-ignore
type Task = keyof typeof HABITS;

const HOSTS = 4;
const BASE_HAZARD = 0.0005;
const START_MS = Date.parse('2026-06-01T00:00:00Z');
const STEP_MS = 7 * 3_600_000;

interface Incident {
  readonly step: number;
  readonly fromS: number;
  readonly toS: number;
  /** Whom it hits: everything, one host, one image. */
  readonly host: number | null;
  readonly task: Task | null;
  /** `call`: a share of the calls in it fails. `host`: sandboxes die at its beginning. */
  readonly kind: 'call' | 'host';
}

export function* training(options: Training): Generator<Step> {
  const chance = seeded(options.seed);
  const incidents = Array.from({ length: options.incidents }, () => incident(chance, options.steps));
  const drift = Array.from({ length: 20 }, () => chance() * 2 - 1);
  for (let number = 0; number < options.steps; number += 1) {
    const badHour = chance() < 0.05 ? 20 : 1;
    const scene = {
      options,
      chance,
      drift,
      number,
      badHour,
      incidents: incidents.filter(({ step }) => step === number),
    };
    const calls: SimulatedCall[] = [];
    let excluded = 0;
    for (let row = 0; row * 8 < options.rollouts; row += 1) excluded += group(scene, row, calls);
    yield { number, beganMs: START_MS + number * STEP_MS, calls, excluded: excluded / options.rollouts };
  }
}

interface Scene {
  readonly options: Training;
  readonly chance: () => number;
  readonly drift: readonly number[];
  readonly number: number;
  readonly badHour: number;
  readonly incidents: readonly Incident[];
}

function incident(chance: () => number, steps: number): Incident {
  const fromS = Math.floor(chance() ** 2 * 900);
  const kind = chance() < 0.4 ? 'host' : 'call';
  return {
    step: Math.floor(chance() * steps),
    fromS,
    toS: fromS + 10 + chance() * 600,
    host: kind === 'host' || chance() < 0.3 ? Math.floor(chance() * HOSTS) : null,
    task: chance() < 0.15 ? 'data' : null,
    kind,
  };
}

/** Eight rollouts of one row. Returns how many failed. */
function group(scene: Scene, row: number, calls: SimulatedCall[]): number {
  const { chance, options } = scene;
  const taste = Array.from({ length: 9 }, () => 0.5 + chance());
  const together = chance() < 0.5 ? Math.floor(chance() * HOSTS) : null;
  const began = chance() * 3;
  let failed = 0;
  for (let index = 0; index < 8 && row * 8 + index < options.rollouts; index += 1) {
    const host = together ?? Math.floor(chance() * HOSTS);
    const who = {
      rollout: row * 8 + index,
      task: row % 3 === 2 ? ('data' as const) : ('swe' as const),
      host,
      taste,
    };
    failed += rollout(scene, who, began + chance() * 0.5, calls) ? 1 : 0;
  }
  return failed;
}

interface Who {
  readonly rollout: number;
  readonly task: Task;
  readonly host: number;
  readonly taste: readonly number[];
}

function rollout(scene: Scene, who: Who, began: number, calls: SimulatedCall[]): boolean {
  const { chance } = scene;
  const count = 2 + Math.floor(chance() * chance() * 20);
  let [time, last] = [began, null as string | null];
  for (let n = 0; n < count; n += 1) {
    const [family, seconds] = choose(scene, who, n / count, last);
    const code = chance() < 0.2;
    const end = time + (code ? 1 : seconds * (0.5 + chance()));
    const next = end + 1 + chance() * 25;
    const failsAt = failure(scene, who, code ? null : family, [time, end, next]);
    const call = {
      rollout: who.rollout,
      task: who.task,
      tool: code ? 'python' : 'shell',
      family: code ? null : family,
      after: last,
    };
    calls.push({
      ...call,
      begin: time,
      until: failsAt ?? (n === count - 1 ? end : next),
      failed: failsAt !== null,
    });
    if (failsAt !== null) return true;
    last = code ? null : family;
    time = next;
  }
  return false;
}

function choose(
  { chance, drift, number, options }: Scene,
  { task, taste }: Who,
  progress: number,
  last: string | null,
): readonly [string, number] {
  const habits = HABITS[task];
  const weights = habits.map(([family, early, late], index) => {
    const habit = early + (late - early) * progress;
    const drifted = 1 + (drift[index] ?? 0) * 0.8 * (number / options.steps);
    return habit * drifted * (taste[index] ?? 1) * (family === last ? 1.5 : 1);
  });
  let left = chance() * weights.reduce((sum, one) => sum + one, 0);
  const index = weights.findIndex((weight) => (left -= weight) < 0);
  const [family, , , seconds] = habits[index] ?? habits[0];
  return [family, seconds];
}

/** When the call fails, or null: at its end, at the moment at which its host died, or when the next call finds it lost. */
function failure(
  scene: Scene,
  who: Who,
  family: string | null,
  [begin, end, next]: readonly [number, number, number],
): number | null {
  const { chance, options, incidents, badHour, number } = scene;
  const { planted } = options;
  const died = incidents.find(
    (one) => one.kind === 'host' && one.host === who.host && one.fromS >= begin && one.fromS < next,
  );
  if (died !== undefined && chance() < 0.8) return died.fromS < end ? died.fromS : next;
  const hit = incidents.some((one) => one.kind === 'call' && end >= one.fromS && end < one.toS
    && (one.host === null || one.host === who.host) && (one.task === null || one.task === who.task)); // prettier-ignore
  const fault =
    planted !== undefined && family === planted.family && number >= planted.fromStep ? planted.hazard : 0;
  if (chance() < BASE_HAZARD * badHour + (hit ? 0.3 : 0) + fault) return end;
  if (chance() < 0.00002 * badHour * (next - begin)) return begin + chance() * (next - begin);
  return null;
}

/** The calls that have settled `atS` seconds after the beginning of the step, as reports group them. */
export function behaviourGroups(step: Step, atS: number): BehaviourGroup[] {
  const settled = step.calls.filter(({ begin }) => begin + 900 <= atS);
  return settled.map(({ task, tool, family, after, begin, until, failed }) => ({
    ...{ job: 'j', step: step.number, stepBeganMs: step.beganMs, task, image: task, tool, family, after },
    ...{ begin: windowOf(begin), end: windowOf(until), calls: 1, failed: failed ? 1 : 0 },
  }));
}

export function placeGroups(step: Step, atS: number): PlaceGroup[] {
  const settled = step.calls.filter(({ begin }) => begin + 900 <= atS);
  if (!settled.some(({ failed }) => failed)) return [];
  return settled.map(({ task, failed }) => ({
    ...{
      job: 'j',
      step: step.number,
      stepBeganMs: step.beganMs,
      task,
      image: task,
      calls: 1,
      failed: failed ? 1 : 0,
    },
  }));
}
