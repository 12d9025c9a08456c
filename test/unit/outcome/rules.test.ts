import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { attribute } from '../../../src/outcome/attribute.ts';
import { causes } from '../../../src/outcome/causes.ts';
import { FIRST_RULES, RULES, rulesOf } from '../../../src/outcome/rules.ts';
import { evidenceCorpus } from './evidence-corpus.ts';

/** What a row of the table says apart from its prose. */
const effects = Object.entries(causes).map(
  ([code, { attribution, status, endsRollout, excludes }]) =>
    [code, attribution, status, endsRollout, excludes] as const,
);
const judged = evidenceCorpus().map((evidence) => ({ evidence, outcome: attribute(evidence) }));
const digest = createHash('sha256')
  .update(JSON.stringify([effects, judged]))
  .digest('hex')
  .slice(0, 16);

/** The history in the README: number, digest. */
const history = [
  ...readFileSync('src/outcome/README.md', 'utf8').matchAll(/^\| (\d+) +\| [^|]+\| `([0-9a-f]{16})` \|/gm),
].map(([, number, pinned]) => ({ rules: Number(number), digest: pinned }));

it('the numbers of the rules run from 1 to the present one', () => {
  expect(history.map(({ rules }) => rules)).toEqual(Array.from({ length: RULES }, (_, index) => index + 1));
  expect(FIRST_RULES).toBe(1);
});

it('what evidence means has not changed since the number of the rules was raised', () => {
  expect(
    history.at(-1)?.digest,
    `What evidence means has changed. If rules ${String(RULES)} were released, raise RULES (src/outcome/rules.ts) ` +
      `and add a line to the history in src/outcome/README.md; the digest is ${digest}.`,
  ).toBe(digest);
});

it('the corpus leads to every cause but those of requests, of a removed task and of the gate, which have no evidence', () => {
  const reached = new Set(judged.map(({ outcome }) => outcome.cause));
  const direct = judged.filter(({ evidence }) => evidence.kind !== 'lost_before');
  expect([...reached].toSorted()).toEqual(Object.keys(causes).toSorted());
  const missing = Object.keys(causes).filter((code) => !direct.some(({ outcome }) => outcome.cause === code));
  expect(missing.toSorted()).toEqual([
    'bad_request',
    'calls_never_arrived',
    'conflicting_repeat',
    'task_removed',
  ]);
});

it('the same evidence has the same outcome after it was written and read', () => {
  for (const { evidence, outcome } of judged)
    expect(attribute(JSON.parse(JSON.stringify(evidence)) as typeof evidence)).toEqual(outcome);
});

it('an event without a number was judged by the first rules', () => {
  expect([rulesOf({}), rulesOf({ rules: 7 })]).toEqual([1, 7]);
});
