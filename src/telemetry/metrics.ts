import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { noneByAttribution, type CauseCode, type Outcome } from '../outcome/causes.ts';
import type { Alarm, AlarmState } from './alarms.ts';

/** From a file read in a warm sandbox to the longest hold. */
const DURATION_BUCKETS_S = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
];

const ALARM_VALUE: Readonly<Record<AlarmState, number>> = { raised: 1, quiet: 0, unknown: NaN };

/** States that other parts know; read whenever metrics are asked for. */
export interface MetricSources {
  readonly rollouts: () => Iterable<{ readonly state: string }>;
  readonly starts: () => { readonly waiting: number; readonly starting: number };
  readonly removals: () => Readonly<Record<'waiting' | 'removed' | 'abandoned', number>>;
  readonly sandboxes: () => Readonly<Record<'live' | 'cap' | 'warm' | 'filling', number>>;
  readonly startQueue: () => Readonly<Record<'width' | 'expected_wait_seconds' | 'circuit_open', number>>;
  readonly journalSkippedLines: () => number;
  readonly alarms: () => readonly Alarm[];
}

/** One finished call, as far as it is counted. */
export interface CountedCall {
  readonly tool: string;
  readonly outcome: Pick<Outcome, 'attribution' | 'cause'> | null;
  readonly durationMs: number | null;
}

/** What Prometheus is told. One registry of its own, so that two in one process don't meet. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #calls: Counter<'tool' | 'attribution' | 'cause'>;
  readonly #durations: Histogram<'tool'>;
  readonly #refusals: Counter<'code'>;

  constructor() {
    const registers = [this.#registry];
    this.#calls = new Counter({
      name: 'faultline_calls_total',
      help: 'Finished tool calls by whose doing their ending was.',
      labelNames: ['tool', 'attribution', 'cause'],
      registers,
    });
    this.#durations = new Histogram({
      name: 'faultline_call_duration_seconds',
      help: 'From the arrival of a call to its durable result, waiting included.',
      labelNames: ['tool'],
      buckets: DURATION_BUCKETS_S,
      registers,
    });
    this.#refusals = new Counter({
      name: 'faultline_requests_refused_total',
      help: 'Requests answered with a coded error instead of what was asked for.',
      labelNames: ['code'],
      registers,
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  callFinished({ tool: name, outcome, durationMs }: CountedCall): void {
    if (outcome === null || durationMs === null) return;
    const tool = toolLabel(name, outcome.cause);
    this.#calls.inc({ tool, attribution: outcome.attribution, cause: outcome.cause });
    this.#durations.observe({ tool }, durationMs / 1000);
  }

  /** Finished calls since the start of this process, by whose doing their ending was. */
  async callsByAttribution(): Promise<Record<Outcome['attribution'], number>> {
    const counts = noneByAttribution();
    for (const { labels, value } of (await this.#calls.get()).values)
      counts[labels.attribution as Outcome['attribution']] += value;
    return counts;
  }

  requestRefused(code: string): void {
    this.#refusals.inc({ code });
  }

  /** Adds the gauges that are read elsewhere. Call once. */
  watch({
    rollouts,
    starts,
    removals,
    sandboxes,
    startQueue,
    journalSkippedLines,
    alarms,
  }: MetricSources): void {
    this.#gauge('faultline_starts', 'Sandbox starts that wait or are under way.', 'phase', starts);
    this.#gauge('faultline_removals', 'Sandboxes to be removed, and those given up.', 'phase', removals);
    this.#gauge(
      'faultline_sandboxes',
      'Sandboxes alive, how many may be, warm ones and refills.',
      'kind',
      sandboxes,
    );
    this.#gauge(
      'faultline_start_queue',
      'Starts in flight allowed, wait of a newcomer, circuit.',
      'measure',
      startQueue,
    );
    this.#gauge('faultline_rollouts', 'Rollouts in memory.', 'state', () => rolloutsByState(rollouts()));
    this.#gauge('faultline_journal_lines', 'Journal lines that could not be read.', 'fate', () => ({
      skipped: journalSkippedLines(),
    }));
    this.#gauge('faultline_alarm', 'Raised (1), quiet (0), or not known (NaN).', 'alarm', () =>
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

/** A model may name any tool; its inventions must not each become a time series. */
function toolLabel(name: string, cause: CauseCode): string {
  return cause === 'unknown_tool' ? 'unknown' : name;
}

export function rolloutsByState(rollouts: Iterable<{ readonly state: string }>): Record<string, number> {
  const counts: Record<string, number> = { opened: 0, live: 0, displaced: 0, lost: 0, ended: 0 };
  for (const { state } of rollouts) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
