import type { Attribution } from '../outcome/causes.ts';
import type { Gradings } from './recent-gradings.ts';

/** The alarms, with what a raised one means. The README of this folder has the same table; a test compares them. */
export const alarms = {
  engine_circuit: 'The container engine does not answer; starts wait until it does.',
  infra_rate: 'Infrastructure failed at least 5 calls and 1 % of all calls in the last 5 minutes.',
  undetermined_share:
    'At least 5 calls and 1 % of all calls in the last 30 minutes have the attribution undetermined.',
  calls_never_arrived:
    'Graded rollouts of the last 30 minutes made tool calls, and none of them arrived at this server.',
  verdict_unknown:
    'Records are missing, and 1 % of the requests to grade of the last 30 minutes are for rollouts that may be among them.',
  exclusion_rising: 'The share of excluded rollouts rises with the training steps of the last 7 days.',
  behaviour_linked:
    'Infrastructure fails some behaviours more often than others; the model may learn to avoid them.',
  call_ids_reused: 'In the last 24 hours a client used call ids again for other calls of the same rollout.',
} as const satisfies Record<string, string>;

export type AlarmName = keyof typeof alarms;

/** `unknown`: the data is not there yet, or could not be read. */
export type AlarmState = 'raised' | 'quiet' | 'unknown';

export interface Alarm {
  readonly name: AlarmName;
  readonly state: AlarmState;
  /** The figures or findings; may be empty. May name a tool, command, image or task. */
  readonly detail: string;
}

/** The part of the report on risk that alarms depend on. */
export interface RiskJudgement {
  /** One sentence for each behaviour that infrastructure fails more often than the rest. */
  readonly behaviours: readonly string[];
  readonly exclusionRises: boolean;
}

export interface AlarmSources {
  readonly engineAnswers: () => boolean;
  /** Finished calls of the last `seconds` seconds, by attribution. */
  readonly callsWithin: (seconds: number) => Readonly<Record<Attribution, number>>;
  /** Jobs whose clients use call ids again. */
  readonly jobsReusingIds: () => readonly string[];
  /** Requests to grade of the last half hour. */
  readonly gradings: () => Gradings;
}

const INFRA_WINDOW_S = 300;
const UNDETERMINED_WINDOW_S = 1_800;
const LEAST_CALLS = 5;
const LEAST_SHARE = 0.01;

/** Computes the states when they are read, by the metrics and the page. Sends no messages: Prometheus can. */
export class Alarms {
  readonly #sources: AlarmSources;
  #risk: RiskJudgement | null = null;

  constructor(sources: AlarmSources) {
    this.#sources = sources;
  }

  /** Takes the last report on risk; null where it could not be made. */
  riskJudged(judgement: RiskJudgement | null): void {
    this.#risk = judgement;
  }

  states(): Alarm[] {
    const { engineAnswers, callsWithin, gradings } = this.#sources;
    return [
      { name: 'engine_circuit', state: engineAnswers() ? 'quiet' : 'raised', detail: '' },
      { name: 'infra_rate', ...share(callsWithin(INFRA_WINDOW_S), 'infra') },
      { name: 'undetermined_share', ...share(callsWithin(UNDETERMINED_WINDOW_S), 'undetermined') },
      { name: 'calls_never_arrived', ...shareOf(gradings(), 'calls_never_arrived', 0) },
      { name: 'verdict_unknown', ...shareOf(gradings(), 'unknown', LEAST_SHARE) },
      { name: 'exclusion_rising', state: this.#ofRisk(({ exclusionRises }) => exclusionRises), detail: '' },
      {
        name: 'behaviour_linked',
        state: this.#ofRisk(({ behaviours }) => behaviours.length > 0),
        detail: this.#risk?.behaviours.join(' ') ?? '',
      },
      { name: 'call_ids_reused', ...reusedIds(this.#sources.jobsReusingIds()) },
    ];
  }

  #ofRisk(raised: (risk: RiskJudgement) => boolean): AlarmState {
    if (this.#risk === null) return 'unknown';
    return raised(this.#risk) ? 'raised' : 'quiet';
  }
}

const JOBS_NAMED = 3;

function reusedIds(jobs: readonly string[]): Omit<Alarm, 'name'> {
  if (jobs.length === 0) return { state: 'quiet', detail: '' };
  const named = jobs.slice(-JOBS_NAMED).join(', ');
  const more = jobs.length > JOBS_NAMED ? ` and ${String(jobs.length - JOBS_NAMED)} more` : '';
  const fix = 'Make the ids unique in the client, or set call_ids: per_turn in the task.';
  return { state: 'raised', detail: `Jobs: ${named}${more}. ${fix}` };
}

function shareOf(gradings: Gradings, of: keyof Gradings, least: number): Omit<Alarm, 'name'> {
  const total = Object.values(gradings).reduce((sum, count) => sum + count, 0);
  const hits = gradings[of];
  const raised = hits > 0 && hits >= least * total;
  return {
    state: raised ? 'raised' : 'quiet',
    detail: hits === 0 ? '' : `${String(hits)} of ${String(total)} requests to grade`,
  };
}

function share(calls: Readonly<Record<Attribution, number>>, of: Attribution): Omit<Alarm, 'name'> {
  const total = Object.values(calls).reduce((sum, count) => sum + count, 0);
  const hits = calls[of];
  const raised = hits >= LEAST_CALLS && hits >= LEAST_SHARE * total;
  return {
    state: raised ? 'raised' : 'quiet',
    detail: hits === 0 ? '' : `${String(hits)} of ${String(total)} calls`,
  };
}
