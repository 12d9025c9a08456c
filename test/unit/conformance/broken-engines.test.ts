import { expect, test } from 'vitest';
import { breach } from '../../conformance/promise.ts';
import { PROMISES } from '../../conformance/promises.ts';
import { BARE, FULL } from '../support/fake-capabilities.ts';
import { BROKEN_ADOPTION } from './broken/adoption.ts';
import { BROKEN_CALLS } from './broken/calls.ts';
import { BROKEN_EVIDENCE } from './broken/evidence.ts';
import { BROKEN_LIMITS } from './broken/limits.ts';
import { BROKEN_LISTING } from './broken/listing.ts';
import { BROKEN_LOSS } from './broken/loss.ts';
import { BROKEN_START } from './broken/start.ts';
import type { Breakage } from './broken/alter.ts';
import { fakeSubject } from './fake-subject.ts';

const BREAKAGES: readonly Breakage[] = [
  ...BROKEN_START,
  ...BROKEN_CALLS,
  ...BROKEN_LOSS,
  ...BROKEN_ADOPTION,
  ...BROKEN_LISTING,
  ...BROKEN_LIMITS,
  ...BROKEN_EVIDENCE,
];

test('every promise has its number once, and an engine that breaks it', () => {
  const promised = PROMISES.map(({ id }) => id);
  expect(new Set(promised).size).toBe(promised.length);
  expect([...new Set(BREAKAGES.map(({ promise }) => promise))].toSorted()).toEqual(promised.toSorted());
});

for (const { promise, how, declares, alter } of BREAKAGES) {
  const capabilities = declares === 'everything' ? FULL : BARE;
  test(`${promise} alone is broken by an engine that declares ${declares} and ${how}`, async () => {
    const broken = await Promise.all(
      PROMISES.map(async (one) => ((await breach(one, fakeSubject(capabilities, alter))) ? [one.id] : [])),
    );
    expect(broken.flat()).toEqual([promise]);
  });
}
