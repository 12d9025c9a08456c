import Table from 'cli-table3';

const LEAST_WIDTH = 60;
const BORDER = 3;

/** Columns of the terminal; 120 for a pipe. */
export function terminalWidth(stream: { columns?: number } = process.stdout): number {
  return Math.max(LEAST_WIDTH, stream.columns ?? 120);
}

const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/** Text that a model wrote, safe for a terminal: characters that move the cursor or change the writing direction become `·`. */
export function printable(text: string): string {
  return text.replaceAll('\t', '  ').replace(CONTROL, '·');
}

export function oneLine(text: string): string {
  return printable(text.replaceAll('\n', '⏎'));
}

/** A value as the text of a table cell. Fractions have four significant digits. */
export function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number')
    return Number.isInteger(value) ? value.toLocaleString('en-US') : value.toPrecision(4);
  return oneLine(typeof value === 'string' ? value : JSON.stringify(value));
}

/** Rows as a table that is not wider than the terminal: the widest columns are narrowed first. */
export function table(
  columns: readonly string[],
  rows: readonly (readonly unknown[])[],
  width = terminalWidth(),
): string {
  const cells = rows.map((row) => row.map(cell));
  const widths = fit(
    columns.map((column, index) => naturalWidth(column, cells, index)),
    width,
  );
  const numeric = columns.map((_column, index) =>
    rows.every((row) => typeof row[index] === 'number' || row[index] === null),
  );
  const drawn = new Table({
    head: [...columns],
    colWidths: widths.map((one) => one + 2),
    colAligns: numeric.map((one) => (one ? 'right' : 'left')),
    style: { head: [], border: [] },
    chars: PLAIN,
  });
  drawn.push(...cells.map((row) => [...row]));
  return drawn.toString();
}

const PLAIN = {
  top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '',
  'bottom-right': '', left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '│',
}; // prettier-ignore

function naturalWidth(column: string, cells: readonly (readonly string[])[], index: number): number {
  return cells.reduce((width, row) => Math.max(width, (row[index] ?? '').length), column.length);
}

function fit(natural: readonly number[], width: number): number[] {
  const room = width - natural.length * BORDER;
  let most = Math.max(1, ...natural);
  const total = (limit: number): number => natural.reduce((sum, one) => sum + Math.min(one, limit), 0);
  while (most > 4 && total(most) > room) most -= 1;
  return natural.map((one) => Math.min(one, most));
}

export function percent(rate: number): string {
  const digits = rate > 0 && rate < 0.01 ? 2 : 1;
  return `${(rate * 100).toFixed(digits)} %`;
}
