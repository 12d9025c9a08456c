import assert from 'node:assert/strict';
import { adopted, assertOpen, begun, call, faultOf, noticed, said, started } from './bench.ts';
import type { EnginePromise } from './promise.ts';

export const LOSS: readonly EnginePromise[] = [
  {
    id: 'lost-killed',
    sentence: 'a sandbox that somebody killed is `lost` without being asked',
    async check(subject) {
      await using made = await started(subject);
      await subject.operator.kill(made.sandbox.handle);
      assert.equal((await made.sandbox.lost).code, 'lost');
    },
  },
  {
    id: 'lost-removed',
    sentence: 'a sandbox that somebody removed is `lost` without being asked',
    async check(subject) {
      await using made = await started(subject);
      await subject.operator.remove(made.sandbox.handle);
      assert.equal((await made.sandbox.lost).code, 'lost');
    },
  },
  {
    id: 'lost-running',
    sentence: 'a call in the middle of which its sandbox was lost is `lost`, and known to have been started',
    async check(subject) {
      await using made = await started(subject);
      const { ending } = await begun(made.sandbox);
      await subject.operator.kill(made.sandbox.handle);
      const { code, executed } = await faultOf(ending);
      assert.deepEqual([code, executed], ['lost', 'yes']);
    },
  },
  {
    id: 'lost-later',
    sentence: 'a call given to a lost sandbox is `lost`, and known not to have run',
    async check(subject) {
      await using made = await started(subject);
      await noticed(made.sandbox, () => subject.operator.kill(made.sandbox.handle));
      const { code, executed } = await faultOf(call(made.sandbox, 'count'));
      assert.deepEqual([code, executed], ['lost', 'no']);
    },
  },
  {
    id: 'lost-not-by-detach',
    sentence: 'letting go of a sandbox is no loss of it',
    async check(subject) {
      await using made = await started(subject);
      made.sandbox.detach();
      await using second = await adopted(subject, made.sandbox);
      await call(second.sandbox, 'nothing');
      await assertOpen(made.sandbox.lost, 'lost resolved after detach');
    },
  },
  {
    id: 'lost-not-by-line',
    sentence: 'a broken attachment is restored unseen: a call that ran meanwhile is answered, and ran once',
    async check(subject) {
      await using own = await subject.connect('own');
      await using made = await started(subject, undefined, own.engine);
      const { ending } = await begun(made.sandbox);
      await own.cut();
      await own.mend();
      await call(made.sandbox, 'go');
      assert.equal((await ending).waitStatus, 0);
      assert.equal(await said(made.sandbox, 'runs'), '1');
    },
  },
];
