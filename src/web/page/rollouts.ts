import type { z } from 'zod';
import type { rolloutListSchema } from '../../http/wire.ts';
import { getJson } from './api.ts';
import { el, put, rolloutLink, table } from './dom.ts';
import { count } from './format.ts';
import { problem } from './reports.ts';

type List = z.output<typeof rolloutListSchema>;

/** The rollouts that the server remembers, latest first. */
export function rolloutsView(root: HTMLElement): () => void {
  const asked = new AbortController();
  const body = el('div', {}, el('p', { class: 'empty loading' }, 'Asking the server.'));
  put(root, el('section', { class: 'panel' }, el('h2', {}, 'Latest rollouts'), body));
  getJson<List>('/v1/rollouts?limit=200', asked.signal).then(
    ({ rollouts, total }) => {
      put(
        body,
        el(
          'p',
          { class: 'note' },
          `${count(total)} in memory; any rollout of the journal can be found by its id.`,
        ),
        rolloutTable(rollouts),
      );
    },
    (error: unknown) => {
      if (!asked.signal.aborted) put(body, problem(error));
    },
  );
  return () => {
    asked.abort();
  };
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
    'No rollout yet.',
  );
}
