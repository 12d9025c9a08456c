import assert from 'node:assert/strict';
import type { Sandbox, SandboxEngine } from '../../src/sandbox/sandbox.ts';
import { faultOf, soon, started, begun, call } from './bench.ts';
import type { EnginePromise } from './promise.ts';
import type { Subject } from './subject.ts';
import { POOL_CLASS, specOf } from './spec.ts';

async function isListed(subject: Subject, { handle }: Sandbox, engine: SandboxEngine): Promise<boolean> {
  return (await engine.list(soon(subject))).some(({ id }) => id === handle.id);
}

/** Listing and removal. */
export const LISTING: readonly EnginePromise[] = [
  {
    id: 'list-handles',
    sentence: 'a live sandbox is listed, with engine and pool class',
    async check(subject) {
      await using made = await started(subject);
      const found = (await subject.engine.list(soon(subject))).find(
        ({ id }) => id === made.sandbox.handle.id,
      );
      assert.deepEqual([found?.engine, found?.poolClass], [subject.engine.name, POOL_CLASS]);
    },
  },
  {
    id: 'list-ended',
    sentence: 'a sandbox that has ended is listed until it is removed',
    async check(subject) {
      await using made = await started(subject);
      await subject.operator.kill(made.sandbox.handle);
      assert(await isListed(subject, made.sandbox, subject.engine));
    },
  },
  {
    id: 'list-earlier',
    sentence: 'sandboxes of an earlier life of this controller are listed',
    async check(subject) {
      await using made = await started(subject);
      await using later = await subject.connect('own');
      assert(await isListed(subject, made.sandbox, later.engine));
    },
  },
  {
    id: 'list-own',
    sentence: 'sandboxes of another controller are not listed',
    async check(subject) {
      await using other = await subject.connect('other');
      await using made = await started(subject, specOf(subject.images.shell), other.engine);
      assert(!(await isListed(subject, made.sandbox, subject.engine)));
    },
  },
  {
    id: 'remove-list',
    sentence: 'a removed sandbox is not listed',
    async check(subject) {
      await using made = await started(subject);
      await subject.engine.remove(made.sandbox.handle, soon(subject));
      assert(!(await isListed(subject, made.sandbox, subject.engine)));
    },
  },
  {
    id: 'remove-again',
    sentence: 'removing what is gone succeeds, whoever removed it',
    async check(subject) {
      await using ours = await started(subject);
      await using theirs = await started(subject);
      await subject.engine.remove(ours.sandbox.handle, soon(subject));
      await subject.engine.remove(ours.sandbox.handle, soon(subject));
      await subject.operator.remove(theirs.sandbox.handle);
      await subject.engine.remove(theirs.sandbox.handle, soon(subject));
    },
  },
  {
    id: 'remove-running',
    sentence: 'a call under way when its sandbox is removed is `lost`, and known to have been started',
    async check(subject) {
      await using made = await started(subject);
      const { ending } = await begun(made.sandbox);
      await subject.engine.remove(made.sandbox.handle, soon(subject));
      const { code, executed } = await faultOf(ending);
      assert.deepEqual([code, executed], ['lost', 'yes']);
    },
  },
  {
    id: 'remove-later',
    sentence: 'a call given to a removed sandbox is `lost`, and known not to have run',
    async check(subject) {
      await using made = await started(subject);
      await subject.engine.remove(made.sandbox.handle, soon(subject));
      const { code, executed } = await faultOf(call(made.sandbox, 'count'));
      assert.deepEqual([code, executed], ['lost', 'no']);
    },
  },
  {
    id: 'remove-ends',
    sentence: 'a removed sandbox cannot be adopted: `lost`',
    async check(subject) {
      await using made = await started(subject);
      await subject.engine.remove(made.sandbox.handle, soon(subject));
      const { code } = await faultOf(subject.engine.adopt(made.sandbox.handle, soon(subject)));
      assert.equal(code, 'lost');
    },
  },
];
