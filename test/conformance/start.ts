import assert from 'node:assert/strict';
import { faultOf, call, said, soon, started } from './bench.ts';
import type { EnginePromise } from './promise.ts';
import type { Subject } from './subject.ts';
import { POOL_CLASS, specOf } from './spec.ts';

/** Long enough for a request to get under way, too short for any start. */
const TOO_SOON_MS = 5;

/** An image that an engine which needs the image at start can't start; another one doesn't look at it. */
async function unusable(subject: Subject, image: string, code: string): Promise<void> {
  const starting = subject.engine.start(specOf(image), soon(subject));
  if (subject.engine.capabilities.imageAt === 'start') {
    const fault = await faultOf(starting);
    assert.deepEqual([fault.code, fault.executed], [code, 'no']);
    return;
  }
  const { handle } = await starting;
  await subject.operator.remove(handle);
}

export const START: readonly EnginePromise[] = [
  {
    id: 'start-answers',
    sentence:
      'a sandbox is handed out only after its sandboxd has answered, with an instance that no other has',
    async check(subject) {
      await using one = await started(subject);
      await using two = await started(subject);
      const instances = [one, two].map(({ sandbox }) => sandbox.handle.instance);
      assert(!instances.includes(null));
      assert.notEqual(instances[0], instances[1]);
    },
  },
  {
    id: 'start-handle',
    sentence: 'a handle names engine and pool class, and survives being written down',
    async check(subject) {
      await using made = await started(subject);
      const { handle } = made.sandbox;
      assert.deepEqual([handle.engine, handle.poolClass], [subject.engine.name, POOL_CLASS]);
      assert.deepEqual(JSON.parse(JSON.stringify(handle)), { ...handle });
    },
  },
  {
    id: 'start-apart',
    sentence: 'two sandboxes have different ids, and share no files',
    async check(subject) {
      await using one = await started(subject);
      await using two = await started(subject);
      assert.notEqual(one.sandbox.handle.id, two.sandbox.handle.id);
      await call(one.sandbox, 'leave');
      assert.deepEqual(
        [await said(one.sandbox, 'look'), await said(two.sandbox, 'look')],
        ['mine', 'nothing'],
      );
    },
  },
  {
    id: 'start-offers',
    sentence: 'a sandbox says what its image offers: the path of a shell, or that there is none',
    async check(subject) {
      const { shell, withoutShell } = subject.images;
      await using one = await started(subject, specOf(shell));
      await using two = await started(subject, specOf(withoutShell));
      assert.match(one.sandbox.offers.shell ?? 'none', /^\//);
      assert.equal(two.sandbox.offers.shell, null);
    },
  },
  {
    id: 'start-image-missing',
    sentence: 'an image that is not there is `image_missing`, where the image is needed at start',
    check: (subject) => unusable(subject, subject.images.missing, 'image_missing'),
  },
  {
    id: 'start-image-broken',
    sentence: 'an image that cannot hold a sandbox is `image_broken`, where the image is needed at start',
    check: (subject) => unusable(subject, subject.images.broken, 'image_broken'),
  },
  {
    id: 'start-timeout',
    sentence: 'a start that reaches its deadline is `start_timeout`, and nothing has run',
    async check(subject) {
      const starting = subject.engine.start(specOf(subject.images.shell), soon(subject, TOO_SOON_MS));
      const { code, executed } = await faultOf(starting);
      assert.deepEqual([code, executed], ['start_timeout', 'no']);
    },
  },
  {
    id: 'start-leaves-nothing',
    sentence: 'nothing is left of a start that failed',
    async check(subject) {
      const { engine, images } = subject;
      const ids = async (): Promise<string[]> =>
        (await engine.list(soon(subject))).map(({ id }) => id).toSorted();
      await subject.settled(); // An earlier promise may have left a removal under way.
      const before = await ids();
      const starts = [
        engine.start(specOf(images.shell), soon(subject, TOO_SOON_MS)),
        engine.start(specOf(images.missing), soon(subject)),
        engine.start(specOf(images.broken), soon(subject)),
      ];
      for (const start of await Promise.allSettled(starts))
        if (start.status === 'fulfilled') await subject.operator.remove(start.value.handle);
      await subject.settled();
      assert.deepEqual(await ids(), before);
    },
  },
];
