import assert from 'node:assert/strict';
import type { PostMortem, SandboxHandle } from '../../src/sandbox/sandbox.ts';
import { assertUncounted, begun, call, noticed, soon, started } from './bench.ts';
import type { EnginePromise } from './promise.ts';
import type { Subject } from './subject.ts';

const examined = (subject: Subject, handle: SandboxHandle): Promise<PostMortem> =>
  subject.engine.postMortem(handle, soon(subject));

/** Nothing but a kill can have happened, and all that could be asked was. */
function assertUnsuspicious(
  seen: Pick<PostMortem, 'foreignPause' | 'oomFlag' | 'evidenceGap' | 'engineDisturbed'>,
): void {
  const { foreignPause, oomFlag, evidenceGap, engineDisturbed } = seen;
  const nothing = { foreignPause: false, oomFlag: false, evidenceGap: false, engineDisturbed: false };
  assert.deepEqual({ foreignPause, oomFlag, evidenceGap, engineDisturbed }, nothing);
}

/** What is known of a call, and of a sandbox that does not answer any more. */
export const EVIDENCE: readonly EnginePromise[] = [
  {
    id: 'evidence-window',
    sentence: 'counters are read before and after each call: what an earlier one did is in both readings',
    async check(subject) {
      await using made = await started(subject);
      const earlier = await call(made.sandbox, 'fillMemory');
      const later = await call(made.sandbox, 'nothing');
      if (!subject.engine.capabilities.counters) {
        assertUncounted(later, 'memoryPeakBytes');
        return;
      }
      assert.equal(later.before.oomKills, earlier.after.oomKills);
      assert.equal(later.after.oomKills, later.before.oomKills);
    },
  },
  {
    id: 'evidence-paused',
    sentence:
      'a call during which somebody froze the sandbox says so, the next does not; or no call ever does',
    async check(subject) {
      await using made = await started(subject);
      const { ending } = await begun(made.sandbox);
      await subject.operator.freezing?.freeze(made.sandbox.handle);
      await subject.operator.freezing?.thaw(made.sandbox.handle);
      await call(made.sandbox, 'go');
      const { foreignPauses } = subject.engine.capabilities;
      assert.equal((await ending).paused ?? false, foreignPauses);
      assert.equal((await call(made.sandbox, 'nothing')).paused ?? false, false);
    },
  },
  {
    id: 'post-mortem-running',
    sentence: 'a live sandbox is seen running, with nothing against anybody and no gap in the evidence',
    async check(subject) {
      await using made = await started(subject);
      const { container, ...seen } = await examined(subject, made.sandbox.handle);
      assert.equal(container, 'running');
      assertUnsuspicious(seen);
      assert.equal(seen.foreignKill, false);
    },
  },
  {
    id: 'post-mortem-killed',
    sentence: 'a sandbox that somebody killed has exited by a foreign kill, where those can be seen',
    async check(subject) {
      await using made = await started(subject);
      await noticed(made.sandbox, () => subject.operator.kill(made.sandbox.handle));
      const seen = await examined(subject, made.sandbox.handle);
      const { foreignKills } = subject.engine.capabilities;
      assert.deepEqual([seen.container, seen.foreignKill], ['exited', foreignKills]);
      assertUnsuspicious(seen);
    },
  },
  {
    id: 'post-mortem-removed',
    sentence: 'a sandbox that somebody removed is gone by a foreign kill, where those can be seen',
    async check(subject) {
      await using made = await started(subject);
      await noticed(made.sandbox, () => subject.operator.remove(made.sandbox.handle));
      const seen = await examined(subject, made.sandbox.handle);
      const { foreignKills } = subject.engine.capabilities;
      assert.deepEqual([seen.container, seen.foreignKill], ['gone', foreignKills]);
    },
  },
  {
    id: 'post-mortem-own',
    sentence: 'a sandbox that the engine itself removed is gone, and nobody else did it',
    async check(subject) {
      await using made = await started(subject);
      await subject.engine.remove(made.sandbox.handle, soon(subject));
      const seen = await examined(subject, made.sandbox.handle);
      assert.deepEqual([seen.container, seen.foreignKill], ['gone', false]);
    },
  },
  {
    id: 'post-mortem-paused',
    sentence: 'a sandbox that somebody froze is known to have been frozen, where that can be seen',
    async check(subject) {
      await using made = await started(subject);
      await subject.operator.freezing?.freeze(made.sandbox.handle);
      await subject.operator.freezing?.thaw(made.sandbox.handle);
      const { foreignPause } = await examined(subject, made.sandbox.handle);
      assert.equal(foreignPause, subject.engine.capabilities.foreignPauses);
    },
  },
  {
    id: 'post-mortem-unreachable',
    sentence: 'with the engine out of reach a post-mortem says that nothing is known, and does not fail',
    async check(subject) {
      await using own = await subject.connect('own');
      await using made = await started(subject, undefined, own.engine);
      await own.cut();
      const { container, engineDisturbed } = await own.engine.postMortem(made.sandbox.handle, soon(subject));
      assert.deepEqual([container, engineDisturbed], ['unknown', true]);
    },
  },
];
