import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { noneByAttribution, type Outcome } from '../outcome/causes.ts';
import type { Alarm, AlarmState } from './alarms.ts';
import type { GradingState } from './recent-gradings.ts';

/** From reading a file in a warm sandbox to the longest time a request is held. */
const DURATION_BUCKETS_S = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
];

const ALARM_VALUE: Readonly<Record<AlarmState, number>> = { raised: 1, quiet: 0, unknown: NaN };

/** State of other parts, read when the metrics are requested. */
export interface MetricSources {
  readonly rollouts: () => Iterable<{ readonly state: string }>;
  readonly starts: () => { readonly waiting: number; readonly starting: number };
  readonly removals: () => Readonly<Record<'waiting' | 'removed' | 'abandoned', number>>;
  readonly sandboxes: () => Readonly<Record<'live' | 'cap' | 'warm' | 'filling', number>>;
  readonly startQueue: () => Readonly<Record<'width' | 'expected_wait_seconds' | 'circuit_open', number>>;
  readonly journalSkippedLines: () => number;
  readonly alarms: () => readonly Alarm[];
}

/** The fields of a finished call that metrics use. */
export interface CountedCall {
  /** One of the task's tools, else `unknown`: a model may name any tool, and each name would be a time series. */
  readonly tool: string;
  readonly outcome: Pick<Outcome, 'attribution' | 'cause'> | null;
  readonly durationMs: number | null;
}

export interface CountedGrading {
  readonly state: GradingState;
  readonly ending: string;
  readonly callsMissing: number;
}

/** The metrics for Prometheus. Has a registry of its own, so that two instances in one process don't mix. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #calls: Counter<'tool' | 'attribution' | 'cause'>;
  readonly #durations: Histogram<'tool'>;
  readonly #refusals: Counter<'code'>;
  readonly #reusedIds: Counter<'sign'>;
  readonly #gradings: Counter<'state' | 'ending'>;
  readonly #callsMissing: Counter;

  constructor() {
    const registers = [this.#registry];
    this.#calls = new Counter({
      name: 'faultline_calls_total',
      help: 'Finished tool calls, by attribution and cause.',
      labelNames: ['tool', 'attribution', 'cause'],
      registers,
    });
    this.#durations = new Histogram({
      name: 'faultline_call_duration_seconds',
      help: 'Time from the arrival of a call to its durable result, waiting included.',
      labelNames: ['tool'],
      buckets: DURATION_BUCKETS_S,
      registers,
    });
    this.#gradings = new Counter({
      name: 'faultline_gradings_total',
      help: 'Requests to grade, by what was known of the rollout and how the request ended.',
      labelNames: ['state', 'ending'],
      registers,
    });
    this.#callsMissing = new Counter({
      name: 'faultline_graded_calls_missing_total',
      help: 'Tool calls that graded samples record in structured form and that never arrived here.',
      registers,
    });
    this.#refusals = new Counter({
      name: 'faultline_requests_refused_total',
      help: 'Requests answered with an error, by error code.',
      labelNames: ['code'],
      registers,
    });
    this.#reusedIds = new Counter({
      name: 'faultline_call_ids_reused_total',
      help: 'Requests whose call id the client had used before for another call, by how that shows.',
      labelNames: ['sign'],
      registers,
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  callFinished({ tool, outcome, durationMs }: CountedCall): void {
    if (outcome === null || durationMs === null) return;
    this.#calls.inc({ tool, attribution: outcome.attribution, cause: outcome.cause });
    this.#durations.observe({ tool }, durationMs / 1000);
  }

  /** Calls finished since the start of this process, by attribution. */
  async callsByAttribution(): Promise<Record<Outcome['attribution'], number>> {
    const counts = noneByAttribution();
    for (const { labels, value } of (await this.#calls.get()).values)
      counts[labels.attribution as Outcome['attribution']] += value;
    return counts;
  }

  graded({ state, ending, callsMissing }: CountedGrading): void {
    this.#gradings.inc({ state, ending });
    this.#callsMissing.inc(callsMissing);
  }

  requestRefused(code: string): void {
    this.#refusals.inc({ code });
  }

  callIdReused(sign: string): void {
    this.#reusedIds.inc({ sign });
  }

  /** Adds the gauges that read other parts. Call once. */
  watch({
    rollouts,
    starts,
    removals,
    sandboxes,
    startQueue,
    journalSkippedLines,
    alarms,
  }: MetricSources): void {
    this.#gauge('faultline_starts', 'Sandbox starts that wait or are in progress.', 'phase', starts);
    this.#gauge(
      'faultline_removals',
      'Sandboxes waiting for removal, removed, and abandoned.',
      'phase',
      removals,
    );
    this.#gauge(
      'faultline_sandboxes',
      'Live sandboxes and their limit, warm sandboxes and starts that fill the pool.',
      'kind',
      sandboxes,
    );
    this.#gauge(
      'faultline_start_queue',
      'Limit of concurrent starts, expected wait of a new start, open circuit breaker.',
      'measure',
      startQueue,
    );
    this.#gauge('faultline_rollouts', 'Rollouts in memory.', 'state', () => rolloutsByState(rollouts()));
    this.#gauge('faultline_journal_lines', 'Journal lines that could not be read.', 'fate', () => ({
      skipped: journalSkippedLines(),
    }));
    this.#gauge('faultline_alarm', 'Raised (1), quiet (0) or unknown (NaN).', 'alarm', () =>
      Object.fromEntries(alarms().map(({ name, state }) => [name, ALARM_VALUE[state]])),
    );
  }

  /** CPU, memory, event loop and file descriptors of this process. Call once. */
  watchProcess(): void {
    collectDefaultMetrics({ register: this.#registry });
  }

  #gauge(name: string, help: string, label: string, read: () => Readonly<Record<string, number>>): void {
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect() {
        for (const [value, count] of Object.entries(read())) this.set({ [label]: value }, count);
      },
    });
  }
}

export function rolloutsByState(rollouts: Iterable<{ readonly state: string }>): Record<string, number> {
  const counts: Record<string, number> = { opened: 0, live: 0, displaced: 0, lost: 0, ended: 0 };
  for (const { state } of rollouts) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
