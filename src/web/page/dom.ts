/** Children of an element. Text is set as text, never as HTML, whatever its source. */
export type Child = Node | string | number | null;

interface Attributes {
  readonly class?: string;
  readonly [name: string]: string | number | boolean | undefined;
}

/** Builds an element. An attribute with the value `false` or `undefined` isn't set. */
export function el<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? '' : String(value));
  }
  put(element, ...children);
  return element;
}

/** Replaces the children of an element. */
export function put(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren(
    ...children
      .filter((child) => child !== null)
      .map((child) => (typeof child === 'object' ? child : String(child))),
  );
}

/** A titled section of a view. */
export function panel(title: string, ...children: readonly Child[]): HTMLElement {
  return el('section', { class: 'panel' }, el('h2', {}, title), ...children);
}

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => Child;
  /** Aligned right. */
  readonly number?: boolean;
  /** Hidden on narrow screens. */
  readonly minor?: boolean;
}

/** A table; a wide one scrolls sideways within its panel. */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  empty: string,
): HTMLElement {
  if (rows.length === 0) return el('p', { class: 'empty' }, empty);
  const classOf = ({ number, minor }: Column<Row>): string =>
    [number === true ? 'number' : '', minor === true ? 'minor' : ''].join(' ').trim();
  const head = columns.map((column) => el('th', { class: classOf(column), scope: 'col' }, column.title));
  const body = rows.map((row) =>
    el('tr', {}, ...columns.map((column) => el('td', { class: classOf(column) }, column.cell(row)))),
  );
  return el(
    'div',
    { class: 'scroll', tabindex: 0 },
    el('table', {}, el('thead', {}, el('tr', {}, ...head)), el('tbody', {}, ...body)),
  );
}

export function rolloutLink(id: string): HTMLElement {
  return el('a', { class: 'id', href: `#/rollout/${encodeURIComponent(id)}` }, id);
}

/** A coloured label. Its text carries the meaning without the colour too. */
export function chip(kind: string, text: string = kind): HTMLElement {
  return el('span', { class: `chip ${/^[a-z]+$/.test(kind) ? kind : ''}` }, text);
}
