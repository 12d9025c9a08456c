import { el, put } from './dom.ts';
import { Live } from './live.ts';
import { nowView } from './now.ts';
import { overviewView } from './overview.ts';
import { riskView } from './risk.ts';
import { rolloutsView } from './rollouts.ts';
import { storyView } from './story.ts';
import { nextTheme, setTheme, theme } from './theme.ts';
import { trainingView } from './training.ts';

/** Draws into the element, and returns a function that ends the view. */
type View = (root: HTMLElement) => () => void;

const live = new Live();

const TABS: readonly { readonly path: string; readonly title: string; readonly view: View }[] = [
  { path: '', title: 'Now', view: (root) => nowView(root, live) },
  { path: 'rollouts', title: 'Rollouts', view: rolloutsView },
  { path: 'report', title: 'Report', view: overviewView },
  { path: 'risk', title: 'Risk', view: riskView },
  { path: 'training', title: 'Training', view: trainingView },
];

const content = byId('content');
const tabs = byId('tabs');
const search = byId('search').querySelector('input');
let leave: () => void = () => undefined;

/** The URL's part after `#/` selects the view, so that every view has a link; its query holds the filters. */
function show(): void {
  leave();
  const [place = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const [path = '', id] = place.split('/');
  const tab = TABS.find((one) => one.path === path);
  const view: View =
    path === 'rollout' && id !== undefined
      ? (root) => storyView(root, decodeURIComponent(id))
      : (tab?.view ?? missing);
  content.className = path === '' ? 'now' : path;
  leave = view(content);
  drawTabs(path === 'rollout' ? 'rollouts' : path);
  document.title = `${tab?.title ?? (id === undefined ? 'faultline' : decodeURIComponent(id))} · faultline`;
}

function missing(root: HTMLElement): () => void {
  put(root, el('p', { class: 'empty' }, 'There is no such view.'));
  return () => undefined;
}

function drawTabs(current: string): void {
  const raised = live.alarms.filter(({ state }) => state === 'raised').length;
  put(
    tabs,
    ...TABS.map(({ path, title }, index) => {
      const badge =
        path === '' && raised > 0
          ? el('span', { class: 'badge', 'aria-label': `${String(raised)} alarms raised` }, raised)
          : null;
      return el(
        'a',
        {
          href: `#/${path}`,
          'aria-current': path === current ? 'page' : undefined,
          title: `key ${String(index + 1)}`,
        },
        title,
        badge,
      );
    }),
  );
}

function drawLink(): void {
  const link = byId('link');
  const state = live.connected ? 'live' : 'connecting';
  if (link.textContent === state) return;
  link.textContent = state;
  link.className = state;
}

/** Keyboard shortcuts, outside of input fields: 1 to 5 views, / search, f filter, t theme. */
function key(event: KeyboardEvent): void {
  const typing =
    event.target instanceof Element && event.target.closest('input, select, textarea, dialog') !== null;
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const tab = TABS[Number(event.key) - 1];
  if (tab !== undefined) location.hash = `#/${tab.path}`;
  if (event.key === 't') changeTheme();
  const field =
    event.key === '/' ? search : event.key === 'f' ? content.querySelector('.filters input') : null;
  if (!(field instanceof HTMLElement)) return;
  event.preventDefault();
  field.focus();
}

function changeTheme(): void {
  setTheme(nextTheme());
  show();
}

function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}

setTheme(theme());
window.addEventListener('hashchange', show);
window.addEventListener('keydown', key);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  setTheme(theme());
  show();
});
byId('theme').addEventListener('click', changeTheme);
byId('search').addEventListener('submit', (event) => {
  event.preventDefault();
  const id = search?.value.trim() ?? '';
  if (id !== '') location.hash = `#/rollout/${encodeURIComponent(id)}`;
});
let alarmsShown = '';
live.follow(() => {
  drawLink();
  const raised = live.alarms.map(({ state }) => state).join();
  if (raised !== alarmsShown) drawTabs(TABS.find(({ path }) => path === content.className)?.path ?? '');
  alarmsShown = raised;
});
show();
void live.run();
