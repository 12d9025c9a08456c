import type { Diagnostics } from '../../report/diagnostics.ts';
import type { Overview } from '../../report/overview.ts';
import type { SpokenRisk } from '../../report/report-process.ts';
import { getJson } from './api.ts';
import { el, put, type Child } from './dom.ts';
import { filterForm, queryOf } from './filters.ts';

interface Reports {
  readonly overview: Overview;
  readonly risk: SpokenRisk;
  readonly diagnostics: Diagnostics;
}

const LAST_WEEK = '7d';

/** Which part of the journal is reported. Kept when the reader switches between reports. */
const scope = { since: LAST_WEEK, job: '', step: '', task: '', image: '' };

const FIELDS = [
  {
    name: 'since',
    label: 'Calls of the',
    cleared: LAST_WEEK,
    choices: [
      ['1h', 'last hour'],
      ['24h', 'last day'],
      [LAST_WEEK, 'last week'],
      ['', 'all'],
    ],
  },
  { name: 'job', label: 'Job', placeholder: 'every job' },
  { name: 'step', label: 'Step', type: 'number' },
  { name: 'task', label: 'Task', suggest: 'name' },
  { name: 'image', label: 'Image', suggest: 'image' },
] as const;

/**
 * A view of a report: its controls, a note while it is made, and what `draw` makes of it. `draw` also returns the charts
 * that must be ended with the view.
 */
export function reportView<Kind extends keyof Reports>(
  root: HTMLElement,
  kind: Kind,
  draw: (report: Reports[Kind]) => {
    readonly children: readonly Child[];
    readonly plots: readonly { dispose(): void }[];
  },
): () => void {
  const body = el('div', { 'aria-live': 'polite' });
  let plots: readonly { dispose(): void }[] = [];
  let asked = new AbortController();
  const clear = (): void => {
    asked.abort();
    for (const plot of plots) plot.dispose();
    plots = [];
  };
  const load = async (): Promise<void> => {
    clear();
    asked = new AbortController();
    const { signal } = asked;
    put(body, el('p', { class: 'empty loading' }, 'Reading the journal.'));
    try {
      const report = await getJson<Reports[Kind]>(`/v1/reports/${kind}?${queryOf(scope)}`, signal);
      if (signal.aborted) return;
      const drawn = draw(report);
      plots = drawn.plots;
      put(body, ...drawn.children);
    } catch (error) {
      if (!signal.aborted) put(body, problem(error));
    }
  };
  put(
    root,
    filterForm(FIELDS, scope, () => void load()),
    body,
  );
  void load();
  return clear;
}

export function problem(error: unknown): HTMLElement {
  return el('p', { class: 'problem', role: 'alert' }, error instanceof Error ? error.message : String(error));
}
