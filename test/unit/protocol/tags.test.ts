import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { INSTANCE_BYTES, MAX_FRAME_BYTES } from '../../../src/protocol/framing.ts';
import { GRACE_MS, GRACE_TIMES } from '../../../src/protocol/messages.ts';
import * as tags from '../../../src/protocol/tags.ts';

const FOLDER = resolve(import.meta.dirname, '../../../docker/sandboxd');
const header = readFileSync(`${FOLDER}/protocol.h`, 'utf8');
const readme = readFileSync(`${FOLDER}/README.md`, 'utf8');

type Table = Readonly<Record<string, number>>;

const enums = new Map(
  [...header.matchAll(/^enum (\w+) \{([^}]*)\};/gm)].map(([, name = '', body = '']) => [
    name,
    Object.fromEntries(
      [...body.matchAll(/(\w+) = (\d+)/g)].map(([, key = '', value]) => [key, Number(value)]),
    ),
  ]),
);

/** `timeoutMs` is `COMMAND_TAG_TIMEOUT_MS` in C. */
const inC = (prefix: string, table: Table): Table =>
  Object.fromEntries(
    Object.entries(table).map(([name, value]) => [
      `${prefix}_${name.replaceAll('-', '_').replace(/[A-Z]/g, '_$&').toUpperCase()}`,
      value,
    ]),
  );

const TABLES: Readonly<Record<string, readonly [prefix: string, Table]>> = {
  command_type: ['COMMAND', tags.COMMAND_TYPES],
  report_type: ['REPORT', tags.REPORT_TYPES],
  work_kind: ['WORK', tags.WORK_KINDS],
  command_tag: ['COMMAND_TAG', tags.COMMAND_TAGS],
  report_tag: ['REPORT_TAG', tags.REPORT_TAGS],
  kill_reason: ['KILL', tags.KILL_REASONS],
  kill_reach: ['REACH', tags.KILL_REACHES],
  interpreter_fate: ['FATE', tags.INTERPRETER_FATES],
  start_stage: ['STAGE', tags.START_STAGES],
  unkept_kind: ['UNKEPT', tags.UNKEPT_KINDS],
  counter: ['COUNTER', tags.COUNTER_PLACES],
  fact: ['FACT', tags.FACTS],
};

describe('the numbers of the protocol', () => {
  test.each(Object.keys(TABLES))('are the same in C and in TypeScript: %s', (name) => {
    const [prefix, table] = TABLES[name] ?? ['', {}];
    expect(enums.get(name)).toEqual(inC(prefix, table));
  });

  test('are all compared', () => {
    expect([...enums.keys()].sort()).toEqual(Object.keys(TABLES).sort());
  });

  test('include the sizes and times that both sides rely on', () => {
    const defined = Object.fromEntries(
      [...header.matchAll(/^#define (\w+) (.+)$/gm)].map(([, name = '', value]) => [name, value]),
    );
    expect(defined).toEqual({
      INSTANCE_BYTES: String(INSTANCE_BYTES),
      FRAME_MAX_BYTES: `(${String(MAX_FRAME_BYTES / 1024 / 1024)}u << 20)`,
      GRACE_TIMES: String(GRACE_TIMES),
      GRACE_MS: String(GRACE_MS),
      COUNTERS_FIRST: String(tags.FIRST_COUNTERS),
      COUNTERS: String(Object.keys(tags.COUNTER_PLACES).length),
    });
  });
});

describe('the byte form in the README', () => {
  const rows = [...readme.matchAll(/^\| ([a-z-]+) +\| (\d+) +\|([^|]*)\|/gm)];
  const typesIn = (known: Table): Table =>
    Object.fromEntries(
      rows.filter(([, name = '']) => name in known).map(([, name = '', type]) => [name, Number(type)]),
    );
  const tagsIn = (known: Table): Table =>
    Object.fromEntries(
      rows
        .filter(([, name = '']) => name in known)
        .flatMap(([, , , fields = '']) => [...fields.matchAll(/\b(\d+) (\w+)/g)])
        .map(([, tag, name = '']) => [name, Number(tag)]),
    );

  test('names every type, field and kind with its number', () => {
    expect(typesIn(tags.COMMAND_TYPES)).toEqual(tags.COMMAND_TYPES);
    expect(typesIn(tags.REPORT_TYPES)).toEqual(tags.REPORT_TYPES);
    expect(tagsIn(tags.COMMAND_TYPES)).toEqual(tags.COMMAND_TAGS);
    expect(tagsIn(tags.REPORT_TYPES)).toEqual(tags.REPORT_TAGS);
    const kinds = /^Kinds: (.+)\.$/m.exec(readme)?.[1]?.split(', ');
    expect(kinds).toEqual(Object.entries(tags.WORK_KINDS).map(([name, value]) => `${String(value)} ${name}`));
  });
});
