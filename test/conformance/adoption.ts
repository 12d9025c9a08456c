import assert from 'node:assert/strict';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { adopted, begun, call, faultOf, newNumber, runAs, said, soon, started, textOf } from './bench.ts';
import type { EnginePromise } from './promise.ts';
import type { Subject } from './subject.ts';

async function refused(subject: Subject, { handle }: Pick<Sandbox, 'handle'>): Promise<void> {
  const { code } = await faultOf(subject.engine.adopt(handle, soon(subject)));
  assert.equal(code, 'lost');
}

export const ADOPTION: readonly EnginePromise[] = [
  {
    id: 'adopt-running',
    sentence: 'a call goes on while nobody is attached, and who adopts the sandbox gets its ending',
    async check(subject) {
      await using earlier = await subject.connect('own');
      await using made = await started(subject, undefined, earlier.engine);
      const number = newNumber();
      await begun(made.sandbox, number);
      made.sandbox.detach();
      await using later = await adopted(subject, made.sandbox);
      const again = runAs(later.sandbox, number, 'countOnGo');
      await call(later.sandbox, 'go');
      assert.equal(textOf(await again), '1');
      assert.equal(await said(later.sandbox, 'runs'), '1');
    },
  },
  {
    id: 'adopt-ending',
    sentence: 'an ending that was never acknowledged is given to who adopts the sandbox',
    async check(subject) {
      await using earlier = await subject.connect('own');
      await using made = await started(subject, undefined, earlier.engine);
      const number = newNumber();
      const ending = await runAs(made.sandbox, number, 'speak');
      made.sandbox.detach();
      await using later = await adopted(subject, made.sandbox);
      assert.deepEqual(await runAs(later.sandbox, number, 'fail'), ending);
    },
  },
  {
    id: 'adopt-files',
    sentence: 'an adopted sandbox has the files that it had',
    async check(subject) {
      await using made = await started(subject);
      await call(made.sandbox, 'leave');
      made.sandbox.detach();
      await using later = await adopted(subject, made.sandbox);
      assert.equal(await said(later.sandbox, 'look'), 'mine');
    },
  },
  {
    id: 'adopt-numbers',
    sentence: 'an adopted sandbox tells the highest number used before',
    async check(subject) {
      await using made = await started(subject);
      const number = newNumber();
      await runAs(made.sandbox, number, 'nothing');
      made.sandbox.detach();
      await using later = await adopted(subject, made.sandbox);
      assert.equal(later.sandbox.lastCall, number);
    },
  },
  {
    id: 'adopt-offers',
    sentence: 'an adopted sandbox offers what its image offered when it became ready',
    async check(subject) {
      await using made = await started(subject);
      made.sandbox.detach();
      await using later = await adopted(subject, made.sandbox);
      assert.deepEqual(later.sandbox.offers, made.sandbox.offers);
    },
  },
  {
    id: 'adopt-gone',
    sentence: 'a sandbox that is gone cannot be adopted: `lost`',
    async check(subject) {
      await using made = await started(subject);
      await subject.operator.remove(made.sandbox.handle);
      await refused(subject, made.sandbox);
    },
  },
  {
    id: 'adopt-ended',
    sentence: 'a sandbox that has ended cannot be adopted: `lost`',
    async check(subject) {
      await using made = await started(subject);
      await subject.operator.kill(made.sandbox.handle);
      await refused(subject, made.sandbox);
    },
  },
  {
    id: 'adopt-instance',
    sentence: 'another sandboxd instance than the one that the handle names is not taken for it: `lost`',
    async check(subject) {
      await using made = await started(subject);
      await refused(subject, { handle: { ...made.sandbox.handle, instance: '0'.repeat(32) } });
    },
  },
];
