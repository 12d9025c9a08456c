import type { z } from 'zod';
import type { taskListSchema } from '../../http/schemas.ts';
import { getJson } from './api.ts';
import { el, put } from './dom.ts';

type TaskList = z.output<typeof taskListSchema>;

/** The filter of a view: a text by field name; an empty text selects everything. */
export type Filter = Record<string, string>;

export interface Field {
  readonly name: string;
  readonly label: string;
  /** The allowed values with their titles. Without them the field is free text. */
  readonly choices?: readonly (readonly [value: string, title: string])[];
  /** Which suggestions to show: names of the configured tasks or images. The journal may hold other names. */
  readonly suggest?: 'name' | 'image';
  readonly type?: 'text' | 'number';
  readonly placeholder?: string;
  /** The value after `Clear`; default: everything. */
  readonly cleared?: string;
}

type Fields<Name extends string> = readonly (Field & { readonly name: Name })[];
type Control = HTMLInputElement | HTMLSelectElement;

/**
 * Controls for the fields. Their values are kept in `filter` and in the URL, so that a filtered view has a link.
 * Calls `changed` after each change, and on Enter.
 */
export function filterForm<Name extends string>(
  fields: Fields<Name>,
  filter: Record<Name, string>,
  changed: () => void,
): HTMLElement {
  readAddress(fields, filter);
  writeAddress(fields, filter);
  const controls = fields.map((field) => ({ field, control: controlOf(field, filter[field.name]) }));
  const apply = (): void => {
    for (const { field, control } of controls) filter[field.name] = control.value.trim();
    writeAddress(fields, filter);
    changed();
  };
  const clear = el('button', { type: 'button' }, 'Clear');
  clear.addEventListener('click', () => {
    for (const { field, control } of controls) control.value = field.cleared ?? '';
    apply();
  });
  const labels = controls.map(({ field, control }) => el('label', {}, field.label, control));
  const buttons = el('div', { class: 'buttons' }, el('button', { type: 'submit' }, 'Again'), clear);
  const form = el('form', { class: 'filters' }, ...labels, buttons);
  for (const { control } of controls) control.addEventListener('change', apply);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    apply();
  });
  form.append(...suggestions(fields));
  return form;
}

/** The URL's query after `#/…?` holds the fields that differ from their cleared value. Without a query the filter stays. */
function readAddress<Name extends string>(fields: Fields<Name>, filter: Record<Name, string>): void {
  const [, query] = location.hash.split('?');
  if (query === undefined) return;
  const asked = new URLSearchParams(query);
  for (const { name, cleared = '' } of fields) filter[name] = asked.get(name) ?? cleared;
}

function writeAddress<Name extends string>(fields: Fields<Name>, filter: Record<Name, string>): void {
  const [path = ''] = location.hash.split('?');
  const narrowed = fields.filter(({ name, cleared = '' }) => filter[name] !== cleared);
  const query = new URLSearchParams(narrowed.map(({ name }) => [name, filter[name]])).toString();
  history.replaceState(null, '', query === '' ? path : `${path}?${query}`);
}

function controlOf({ name, choices, suggest, type, placeholder }: Field, value: string): Control {
  if (choices !== undefined)
    return el(
      'select',
      { name },
      ...choices.map(([one, title]) => el('option', { value: one, selected: one === value }, title)),
    );
  return el('input', {
    name,
    value,
    type: type ?? 'text',
    min: type === 'number' ? 1 : undefined,
    list: suggest === undefined ? undefined : `known-${suggest}`,
    placeholder: placeholder ?? 'all',
    autocomplete: 'off',
    spellcheck: 'false',
  });
}

/** Suggestions for the inputs, filled when the list of tasks arrives. The inputs work without them. */
function suggestions(fields: readonly Field[]): HTMLElement[] {
  const wanted = [...new Set(fields.flatMap(({ suggest }) => suggest ?? []))];
  const lists = wanted.map((of) => ({ of, list: el('datalist', { id: `known-${of}` }) }));
  if (lists.length === 0) return [];
  getJson<TaskList>('/v1/tasks').then(
    ({ tasks }) => {
      for (const { of, list } of lists) {
        const values = [...new Set(tasks.map((task) => task[of]))].sort();
        put(list, ...values.map((value) => el('option', { value })));
      }
    },
    (error: unknown) => {
      console.info('no suggestions', error);
    },
  );
  return lists.map(({ list }) => list);
}

/** The filter as the query of a request. */
export function queryOf(filter: Filter): string {
  return new URLSearchParams(Object.entries(filter).filter(([, value]) => value !== '')).toString();
}
