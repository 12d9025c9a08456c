import type { z } from 'zod';
import type { rolloutListSchema } from '../../http/schemas.ts';
import { getJson } from './api.ts';
import { el, put, rolloutLink, table } from './dom.ts';
import { filterForm, queryOf } from './filters.ts';
import { count } from './format.ts';
import { problem } from './reports.ts';

type List = z.output<typeof rolloutListSchema>;
type State = List['rollouts'][number]['state'];

/** Which rollouts are shown. Kept while the reader looks at one of them. */
const wanted = { state: '', task: '', image: '' };

const STATES = ['opened', 'live', 'displaced', 'lost', 'ended'] as const satisfies readonly State[];
const FIELDS = [
  { name: 'state', label: 'State', choices: [['', 'all'], ...STATES.map((one) => [one, one] as const)] },
  { name: 'task', label: 'Task', suggest: 'name' },
  { name: 'image', label: 'Image', suggest: 'image' },
] as const;

/** The view `Rollouts`: the rollouts in the server's memory, latest first. */
export function rolloutsView(root: HTMLElement): () => void {
  const body = el('div');
  let asked = new AbortController();
  const load = async (): Promise<void> => {
    asked.abort();
    asked = new AbortController();
    const { signal } = asked;
    put(body, el('p', { class: 'empty loading' }, 'Asking the server.'));
    try {
      const { rollouts, total } = await getJson<List>(`/v1/rollouts?limit=200&${queryOf(wanted)}`, signal);
      if (!signal.aborted) put(body, countNote(rollouts.length, total), rolloutTable(rollouts));
    } catch (error) {
      if (!signal.aborted) put(body, problem(error));
    }
  };
  put(
    root,
    filterForm(FIELDS, wanted, () => void load()),
    el('section', { class: 'panel' }, el('h2', {}, 'Latest rollouts'), body),
  );
  void load();
  return () => {
    asked.abort();
  };
}

function countNote(shown: number, total: number): HTMLElement {
  const of = shown < total ? `The latest ${count(shown)} of ${count(total)}` : count(total);
  return el('p', { class: 'note' }, `${of} in memory; any rollout of the journal can be found by its id.`);
}

function rolloutTable(rollouts: List['rollouts']): HTMLElement {
  return table<List['rollouts'][number]>(
    [
      { title: 'rollout', cell: ({ rollout_id }) => rolloutLink(rollout_id) },
      { title: 'task', cell: ({ task }) => task },
      { title: 'image', cell: ({ image }) => image, minor: true },
      { title: 'state', cell: ({ state }) => state },
    ],
    rollouts,
    'None.',
  );
}
