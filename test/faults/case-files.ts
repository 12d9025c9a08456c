import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ConfigurationError } from '../../src/policy/configuration-error.ts';
import { YamlFile } from '../../src/policy/yaml-file.ts';
import { callsSchema, caseSchema, type CallKind, type FaultCase } from './case-schema.ts';

export const CONFIG_FOLDER = join(import.meta.dirname, 'config');
export const CASES_FOLDER = join(import.meta.dirname, 'cases');

export interface CaseLibrary {
  /** In the order of their names. */
  readonly cases: readonly FaultCase[];
  readonly calls: Readonly<Record<string, CallKind>>;
}

/** Every case and every kind of call. @throws ConfigurationError with every mistake, by file and line. */
export function loadCases(folder = CASES_FOLDER): CaseLibrary {
  const callFile = new YamlFile(join(CONFIG_FOLDER, 'calls.yaml'));
  const calls = callFile.parse(callsSchema) ?? {};
  const problems = [...callFile.problems];
  const cases: FaultCase[] = [];
  for (const entry of readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .toSorted()) {
    const file = new YamlFile(join(folder, entry));
    const parsed = file.parse(caseSchema);
    for (const [index, { call }] of (parsed?.cast ?? []).entries())
      if (!Object.hasOwn(calls, call)) file.add(['cast', index, 'call'], `no call "${call}" in calls.yaml`);
    problems.push(...file.problems);
    if (parsed !== null) cases.push({ ...parsed, name: basename(entry, '.yaml') });
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
  return { cases, calls };
}
