/** An element's children: text is set as text, never as HTML, whoever wrote it. */
export type Child = Node | string | number | null;

interface Attributes {
  readonly class?: string;
  readonly [name: string]: string | number | boolean | undefined;
}

/** Builds an element. An attribute that is `false` or absent isn't set. */
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

/** Replaces what an element holds. */
export function put(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren(
    ...children
      .filter((child) => child !== null)
      .map((child) => (typeof child === 'object' ? child : String(child))),
  );
}

/** A part of a view, with its title. */
export function panel(title: string, ...children: readonly Child[]): HTMLElement {
  return el('section', { class: 'panel' }, el('h2', {}, title), ...children);
}

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => Child;
  /** Numbers stand on the right. */
  readonly number?: boolean;
  /** Left out on a phone. */
  readonly minor?: boolean;
}

/** A table that scrolls sideways within itself where it is too wide. */
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

/** A word in the colour of its meaning. The word itself says it too. */
export function chip(kind: string, text: string = kind): HTMLElement {
  return el('span', { class: `chip ${/^[a-z]+$/.test(kind) ? kind : ''}` }, text);
}
