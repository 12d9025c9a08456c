export type Theme = 'dark' | 'light';

const KEY = 'faultline-theme';

/** As the reader chose, else as the system has it. */
export function theme(): Theme {
  const kept = localStorage.getItem(KEY);
  if (kept === 'dark' || kept === 'light') return kept;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

export function setTheme(wanted: Theme): void {
  document.documentElement.dataset['theme'] = wanted;
}

/** The other one, kept from now on. */
export function nextTheme(): Theme {
  const next = theme() === 'dark' ? 'light' : 'dark';
  localStorage.setItem(KEY, next);
  return next;
}
