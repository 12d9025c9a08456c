/** Formats numbers and times for display. */

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 });

export const count = (value: number): string => whole.format(value);
export const figure = (value: number): string => short.format(value);

export function percent(rate: number): string {
  return `${(rate * 100).toFixed(rate > 0 && rate < 0.01 ? 2 : 1)} %`;
}

/** `840 ms`, `12.4 s`, `3 min`. */
export function span(ms: number): string {
  if (ms < 1_000) return `${whole.format(ms)} ms`;
  if (ms < 120_000) return `${short.format(ms / 1_000)} s`;
  return `${whole.format(ms / 60_000)} min`;
}

/** Local time of day of epoch milliseconds or of an ISO text. */
export function clock(at: number | string): string {
  return new Date(at).toLocaleTimeString('en-GB');
}

/** DuckDB writes times in UTC without a time zone. */
export function utc(text: unknown): string {
  return typeof text === 'string' ? `${text.slice(0, 19)} UTC` : '';
}

/** Any JSON value as one text. */
export function text(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  return JSON.stringify(value);
}
