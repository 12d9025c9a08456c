import type { Diagnostics } from '../../report/diagnostics.ts';
import type { Overview } from '../../report/overview.ts';
import type { SpokenRisk } from '../../report/report-process.ts';
import { getJson } from './api.ts';
import { el, put, type Child } from './dom.ts';

interface Reports {
  readonly overview: Overview;
  readonly risk: SpokenRisk;
  readonly diagnostics: Diagnostics;
}

/** Which part of the journal the reports are about; stays while the reader goes from one to the other. */
const scope = { since: '7d', job: '' };

const SINCE = [
  ['1h', 'last hour'],
  ['24h', 'last day'],
  ['7d', 'last week'],
  ['', 'all'],
] as const;

/**
 * A view over a report: its controls, a word while it is made, and what `draw` makes of it. `draw` returns the charts
 * that are to be ended with it.
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
      const report = await getJson<Reports[Kind]>(`/v1/reports/${kind}?${query()}`, signal);
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
    controls(() => void load()),
    body,
  );
  void load();
  return clear;
}

export function problem(error: unknown): HTMLElement {
  return el('p', { class: 'problem', role: 'alert' }, error instanceof Error ? error.message : String(error));
}

function query(): string {
  const given = Object.entries(scope).filter(([, value]) => value !== '');
  return new URLSearchParams(given).toString();
}

function controls(changed: () => void): HTMLElement {
  const since = el(
    'select',
    { name: 'since' },
    ...SINCE.map(([value, title]) => el('option', { value, selected: value === scope.since }, title)),
  );
  const job = el('input', {
    name: 'job',
    value: scope.job,
    placeholder: 'every job',
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const again = el('button', { type: 'submit' }, 'Again');
  const form = el(
    'form',
    { class: 'scope' },
    el('label', {}, 'Calls of the', since),
    el('label', {}, 'Job', job),
    again,
  );
  const apply = (): void => {
    scope.since = since.value;
    scope.job = job.value.trim();
    changed();
  };
  since.addEventListener('change', apply);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    apply();
  });
  return form;
}
