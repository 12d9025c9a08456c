import { afterAll, beforeAll, describe, test } from 'vitest';
import { breach } from './promise.ts';
import { PROMISES } from './promises.ts';
import type { Subject } from './subject.ts';

/** The conformance suite as tests of one engine, which is opened once for all of them. */
export function conformance(
  name: string,
  open: () => Promise<Subject>,
  promises: readonly string[] = PROMISES.map(({ id }) => id),
): void {
  describe(name, () => {
    let subject: Subject;
    beforeAll(async () => {
      subject = await open();
    });
    afterAll(async () => {
      await subject[Symbol.asyncDispose]();
    });
    for (const promise of PROMISES.filter(({ id }) => promises.includes(id)))
      test(`${promise.id}: ${promise.sentence}`, async () => {
        const broken = await breach(promise, subject);
        if (broken !== null) throw broken;
      });
  });
}
