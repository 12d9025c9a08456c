import { ATTRIBUTIONS } from './charts.ts';
import { chip, el, panel, put, rolloutLink, table } from './dom.ts';
import { clock, count, figure, percent, span } from './format.ts';
import { binned, callBars, callsPlot, loadLines, loadPlot } from './now-charts.ts';
import type { Alarm, Live, LiveCall, Sample, Status } from './live.ts';

type Burst = Status['bursts'][number];

const BARS = 60;
const RECENT_CALLS = 40;
const RATE_S = 10;
const INFRA_S = 300;

/** The view `Now`: the current state of the server. */
export function nowView(root: HTMLElement, live: Live): () => void {
  const view = new NowView(live);
  put(root, view.element);
  const leave = live.follow(() => {
    view.show();
  });
  view.show();
  return () => {
    leave();
    view.dispose();
  };
}

class NowView {
  readonly element: HTMLElement;
  readonly #live: Live;
  readonly #tiles = el('div', { class: 'tiles' });
  readonly #alarms = el('ul', { class: 'alarms' });
  readonly #bursts = el('div');
  readonly #calls = el('div');
  readonly #callsPlot = callsPlot();
  readonly #loadPlot = loadPlot();
  #minutes = 5;

  constructor(live: Live) {
    this.#live = live;
    const ranges = [5, 30].map((minutes) => this.#range(minutes));
    this.element = el(
      'div',
      { class: 'now' },
      this.#tiles,
      el(
        'div',
        { class: 'columns' },
        panelWith(
          'Calls per second, by attribution',
          el('span', { class: 'ranges' }, ...ranges),
          this.#callsPlot.element,
        ),
        panel('Queue and sandboxes', this.#loadPlot.element),
        panel('Alarms and their conditions', this.#alarms),
        panel('Bursts', this.#bursts),
      ),
      panel('Last calls', this.#calls),
    );
  }

  show(): void {
    const { status, samples, calls, alarms } = this.#live;
    if (status === null) {
      put(this.#tiles, el('p', { class: 'empty' }, 'Waiting for the server.'));
      return;
    }
    put(this.#tiles, ...tiles(status, samples));
    put(this.#alarms, ...alarms.map(alarmRow));
    put(this.#bursts, burstTable(status));
    put(this.#calls, callTable(calls));
    this.#draw(samples);
  }

  dispose(): void {
    this.#callsPlot.dispose();
    this.#loadPlot.dispose();
  }

  #draw(samples: readonly Sample[]): void {
    const end = samples.at(-1)?.at ?? Date.now();
    const start = end - this.#minutes * 60_000;
    const bins = binned(samples, start, (this.#minutes * 60_000) / BARS);
    for (const plot of [this.#callsPlot, this.#loadPlot]) plot.from(start, end);
    this.#callsPlot.show(callBars(bins));
    this.#loadPlot.show(loadLines(bins));
  }

  #range(minutes: number): HTMLElement {
    const button = el(
      'button',
      { type: 'button', 'aria-pressed': String(minutes === this.#minutes) },
      `${String(minutes)} min`,
    );
    button.addEventListener('click', () => {
      this.#minutes = minutes;
      for (const one of button.parentElement?.children ?? [])
        one.setAttribute('aria-pressed', String(one === button));
      this.show();
    });
    return button;
  }
}

function panelWith(title: string, controls: HTMLElement, ...children: HTMLElement[]): HTMLElement {
  return el(
    'section',
    { class: 'panel' },
    el('div', { class: 'head' }, el('h2', {}, title), controls),
    ...children,
  );
}

function tiles({ queue, sandboxes, rollouts }: Status, samples: readonly Sample[]): HTMLElement[] {
  const total = (sample: Sample): number => ATTRIBUTIONS.reduce((sum, one) => sum + sample[one], 0);
  const over = (seconds: number, pick: (sample: Sample) => number): number =>
    samples.slice(-seconds).reduce((sum, sample) => sum + pick(sample), 0);
  const rate = over(RATE_S, total) / Math.min(RATE_S, Math.max(1, samples.length));
  const infra = over(INFRA_S, (sample) => sample.infra);
  const all = over(INFRA_S, total);
  const engine = queue.engine === 'closed' ? 'answers' : 'away';
  return [
    tile('Calls per second', figure(rate), 'over 10 s'),
    tile(
      'Rollouts',
      count(rollouts.live + rollouts.opened + rollouts.displaced),
      `${count(rollouts.lost)} lost, ${count(rollouts.ended)} ended`,
    ),
    tile(
      'Waiting for a start',
      count(queue.waiting),
      queue.waiting === 0
        ? `${count(queue.starting)} starting`
        : `a newcomer waits ${span(queue.expected_wait_ms)}`,
      queue.waiting > 0 ? 'busy' : '',
    ),
    tile(
      'Sandboxes',
      count(sandboxes.live),
      `of ${count(sandboxes.cap)}; ${count(sandboxes.to_remove)} to remove`,
      '',
      sandboxes.live / Math.max(1, sandboxes.cap),
    ),
    tile('Warm', count(sandboxes.warm), `${count(sandboxes.filling)} filling`),
    tile(
      'Infra, 5 min',
      all === 0 ? '–' : percent(infra / all),
      `${count(infra)} of ${count(all)} calls`,
      infra > 0 ? 'bad' : '',
    ),
    tile('Engine', engine, `${figure(queue.width)} starts at once`, queue.engine === 'closed' ? '' : 'bad'),
  ];
}

function tile(title: string, value: string, note: string, mood = '', share?: number): HTMLElement {
  const meter =
    share === undefined ? null : el('meter', { min: 0, max: 1, value: share, 'aria-label': title });
  return el(
    'div',
    { class: `tile ${mood}` },
    el('h3', {}, title),
    el('strong', {}, value),
    el('span', {}, note),
    meter,
  );
}

function alarmRow({ sentence, state, detail }: Alarm): HTMLElement {
  return el(
    'li',
    { class: state },
    el('b', {}, state),
    el('span', {}, sentence, detail === '' ? null : el('em', {}, detail)),
  );
}

function burstTable({ bursts, burst }: Status): HTMLElement {
  const rows = [...bursts, ...(burst === null ? [] : [burst])].toReversed();
  return table<Burst>(
    [
      {
        title: 'began',
        cell: (one) => (one === burst ? el('b', { class: 'going' }, 'now') : clock(one.began_at)),
      },
      { title: 'rollouts', cell: (one) => count(one.rollouts), number: true },
      { title: 'warm / cold', cell: origin, minor: true },
      {
        title: 'failed',
        cell: (one) => (one.failed === 0 ? '0' : el('b', { class: 'infra' }, count(one.failed))),
        number: true,
      },
      { title: 'p50', cell: (one) => span(one.p50_ms), number: true },
      { title: 'p95', cell: (one) => span(one.p95_ms), number: true, minor: true },
      { title: 'p99', cell: (one) => span(one.p99_ms), number: true },
    ],
    rows,
    'No burst since the server started. A burst is at least four rollouts that arrive together.',
  );
}

function origin({ warm, cold }: Burst): HTMLElement {
  const label = `${count(warm)} / ${count(cold)}`;
  return el(
    'span',
    { class: 'origin' },
    el('meter', { min: 0, max: Math.max(1, warm + cold), value: warm, 'aria-label': 'from the warm pool' }),
    label,
  );
}

function callTable(calls: readonly LiveCall[]): HTMLElement {
  return table<LiveCall>(
    [
      { title: 'at', cell: ({ at }) => clock(at) },
      { title: 'rollout', cell: ({ rollout }) => rolloutLink(rollout) },
      { title: 'tool', cell: ({ tool }) => tool, minor: true },
      { title: 'ended', cell: ({ attribution, cause }) => chip(attribution, cause) },
      { title: 'status', cell: ({ status }) => status, number: true, minor: true },
      { title: 'took', cell: ({ duration_ms }) => span(duration_ms), number: true },
    ],
    calls.slice(-RECENT_CALLS).toReversed(),
    'No call yet.',
  );
}
