import type { ChartOptions } from 'chart.js';
import type { Story } from '../../report/story.ts';
import { getJson, Refused } from './api.ts';
import { ATTRIBUTIONS, axis, colour, Plot, quiet, timeAxis } from './charts.ts';
import { chip, el, put, type Child } from './dom.ts';
import { clock, count, span, text, utc } from './format.ts';
import { problem } from './reports.ts';

type Row = Story['rollout'];

/** One rollout: each call with what the model saw and the evidence, and the verdict. */
export function storyView(root: HTMLElement, id: string): () => void {
  const asked = new AbortController();
  let plot: Plot<'bar'> | null = null;
  put(root, heading(id), el('p', { class: 'empty loading' }, 'Reading the journal.'));
  getJson<Story>(`/v1/rollouts/${encodeURIComponent(id)}/story`, asked.signal).then(
    (story) => {
      plot = timeline(story);
      put(
        root,
        heading(id),
        facts(story),
        el('section', { class: 'panel' }, el('h2', {}, 'When'), plot.element),
        el('ol', { class: 'story' }, ...events(story)),
      );
    },
    (error: unknown) => {
      if (asked.signal.aborted) return;
      const unknown = error instanceof Refused && error.status === 404;
      put(
        root,
        heading(id),
        unknown ? el('p', { class: 'empty' }, 'The journal has no rollout with this id.') : problem(error),
      );
    },
  );
  return () => {
    asked.abort();
    plot?.dispose();
  };
}

const heading = (id: string): HTMLElement => el('h1', {}, 'Rollout ', el('code', {}, id));

function facts({ rollout }: Story): HTMLElement {
  const verdict = text(rollout['verdict']);
  const reason = verdict === 'exclude' ? `because of ${text(rollout['reason'])}` : '';
  const ended =
    rollout['how'] === null ? 'not ended' : `${utc(rollout['ended_at'])} (${text(rollout['how'])})`;
  const pairs: readonly (readonly [string, Child])[] = [
    ['Verdict', el('span', {}, chip(verdict), ` ${reason}`)],
    ['Job, step', `${text(rollout['job'])}, ${text(rollout['step'])}`],
    ['Task', text(rollout['task'])],
    ['Image', text(rollout['image'])],
    ['Dataset row', text(rollout['row']) || 'none'],
    ['Calls', `${text(rollout['calls'])}: ${counts(rollout)}`],
    ['Opened', utc(rollout['opened_at'])],
    ['Ended', ended],
  ];
  return el(
    'dl',
    { class: 'panel facts' },
    ...pairs.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))),
  );
}

function counts(rollout: Row): string {
  return [...ATTRIBUTIONS, 'pending']
    .map((one) => [one, Number(rollout[`${one}_calls`])] as const)
    .filter(([, calls]) => calls > 0)
    .map(([one, calls]) => `${count(calls)} ${one}`)
    .join(', ');
}

const ms = (value: unknown): number => Date.parse(`${text(value).replace(' ', 'T')}Z`);

function timeline({ calls }: Story): Plot<'bar'> {
  const ended = calls.filter((call) => call['ended_at'] !== null && call['began_at'] !== null);
  const data = {
    labels: ended.map((_call, index) => String(index + 1)),
    datasets: [
      {
        label: 'call',
        data: ended.map((call) => [ms(call['began_at']), ms(call['ended_at'])] as [number, number]),
        backgroundColor: ended.map((call) => colour(text(call['attribution']))),
        minBarLength: 3,
        maxBarThickness: 14,
        borderRadius: 2,
        borderSkipped: false as const,
      },
    ],
  };
  const first = Math.min(...ended.map((call) => ms(call['began_at'])));
  const options = quiet({
    indexAxis: 'y',
    interaction: { mode: 'nearest', axis: 'y', intersect: false },
    scales: {
      x: timeAxis({ min: first }),
      y: axis({ bare: true, titled: 'call' }),
    },
    plugins: {
      legend: { display: false },
      tooltip: {
        callbacks: {
          label: ({ dataIndex }) =>
            `${text(ended[dataIndex]?.['tool'])}, ${span(Number(ended[dataIndex]?.['duration_ms']))}: ${text(ended[dataIndex]?.['cause'])}`,
        },
      },
    },
  });
  return new Plot(
    { type: 'bar', data, options: options as ChartOptions<'bar'> },
    { height: ended.length > 12 ? 'tall' : 'low', says: `${String(ended.length)} calls along time` },
  );
}

/** Calls, failed attempts and gradings, in order of time. */
function events({ calls, attempts, gradings }: Story): HTMLElement[] {
  const all = [
    ...calls.map((call, index) => ({ at: ms(call['began_at']), element: callCard(call, index + 1) })),
    ...attempts.map((one) => ({ at: ms(one['at']), element: attemptCard(one) })),
    ...gradings.map((one) => ({ at: ms(one['at']), element: gradingCard(one) })),
  ];
  return all
    .toSorted((a, b) => (Number.isNaN(a.at) ? Infinity : a.at) - (Number.isNaN(b.at) ? Infinity : b.at))
    .map(({ element }) => element);
}

function callCard(call: Row, number: number): HTMLElement {
  const attribution = call['attribution'] === null ? 'pending' : text(call['attribution']);
  const head = el(
    'header',
    {},
    el('b', {}, `${String(number)}. ${text(call['tool']) || 'call'}`),
    chip(attribution, call['cause'] === null ? 'no ending is recorded' : text(call['cause'])),
    el(
      'span',
      { class: 'note' },
      [
        clockOf(call['began_at']),
        took(call),
        call['attempts'] === 1 ? '' : `${text(call['attempts'])} attempts`,
      ]
        .filter((part) => part !== '')
        .join(', '),
    ),
    el('code', { class: 'note minor' }, text(call['call'])),
  );
  return el('li', { class: `panel call ${attribution}` }, head, given(call), output(call), evidence(call));
}

const clockOf = (at: unknown): string => (at === null ? '' : clock(ms(at)));

function took(call: Row): string {
  if (call['duration_ms'] === null) return '';
  return span(Number(call['duration_ms']));
}

/** The arguments; only the command or the code where that is all they contain. */
function given(call: Row): HTMLElement {
  const given = text(call['arguments']);
  if (given === '') return el('p', { class: 'note' }, 'The call never reached a sandbox.');
  return el('pre', { class: call['tool'] === 'shell' ? 'shell' : 'given', tabindex: 0 }, wordsOf(given));
}

function wordsOf(given: string): string {
  try {
    const value = JSON.parse(given) as { command?: unknown; code?: unknown } | null;
    const words = value?.command ?? value?.code;
    return typeof words === 'string' ? words : JSON.stringify(value, null, 2);
  } catch (error) {
    if (error instanceof SyntaxError) return given;
    throw error;
  }
}

function output(call: Row): HTMLElement | null {
  const output = text(call['output']);
  return output === '' ? null : el('pre', { class: 'output', tabindex: 0 }, output);
}

function evidence(call: Row): HTMLElement | null {
  if (call['evidence'] === null) return null;
  const evidence = call['evidence'];
  const shown =
    typeof evidence === 'string'
      ? JSON.stringify(JSON.parse(evidence), null, 2)
      : JSON.stringify(evidence, null, 2);
  return el(
    'details',
    {},
    el('summary', {}, `Evidence: ${text(call['evidence_kind'])}, status ${text(call['status'])}`),
    el('pre', { tabindex: 0 }, shown),
  );
}

function attemptCard(one: Row): HTMLElement {
  return el(
    'li',
    { class: 'panel unseen' },
    el(
      'header',
      {},
      el('b', {}, 'Unseen by the model'),
      el('span', {}, `${text(one['phase'])} failed: ${text(one['code'])}`),
      el('span', { class: 'note' }, clockOf(one['at'])),
    ),
    el('p', { class: 'note' }, text(one['message'])),
  );
}

function gradingCard(one: Row): HTMLElement {
  const score = one['score'] === null ? '' : `score ${text(one['score'])}`;
  return el(
    'li',
    { class: 'panel graded' },
    el(
      'header',
      {},
      el('b', {}, 'Graded'),
      el('span', {}, [text(one['ending']), score].filter((part) => part !== '').join(', ')),
      el('span', { class: 'note' }, clockOf(one['at'])),
    ),
  );
}
