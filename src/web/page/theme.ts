export type Theme = 'dark' | 'light';

const KEY = 'faultline-theme';

/** The theme that the reader chose, else the system's. */
export function theme(): Theme {
  const kept = localStorage.getItem(KEY);
  if (kept === 'dark' || kept === 'light') return kept;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

export function setTheme(wanted: Theme): void {
  document.documentElement.dataset['theme'] = wanted;
}

/** Switches to the other theme and keeps the choice. */
export function nextTheme(): Theme {
  const next = theme() === 'dark' ? 'light' : 'dark';
  localStorage.setItem(KEY, next);
  return next;
}
