import assert from 'node:assert/strict';
import { faultOf, soon, started } from './bench.ts';
import type { Deadline } from '../../src/kernel/deadline.ts';
import type { SandboxEngine } from '../../src/sandbox/sandbox.ts';
import type { EnginePromise } from './promise.ts';
import type { Subject } from './subject.ts';
import { specOf } from './spec.ts';

/** Less than any engine takes to restart, more than a request takes. */
const REQUEST_MS = 1_000;

/** What an engine that is out of reach answers. */
async function down(
  subject: Subject,
  request: (engine: SandboxEngine, deadline: Deadline) => Promise<unknown>,
): Promise<void> {
  await using own = await subject.connect('own');
  await own.cut();
  const deadline = soon(subject).within('engine_request', REQUEST_MS);
  const { code } = await faultOf(request(own.engine, deadline));
  assert.equal(code, 'engine_down');
}

export const REACH: readonly EnginePromise[] = [
  {
    id: 'ping',
    sentence: '`ping` tells version and runtime of an engine that answers',
    async check(subject) {
      const { version, runtime } = await subject.engine.ping(soon(subject));
      assert(version !== '' && runtime !== '');
    },
  },
  {
    id: 'down-ping',
    sentence: '`ping` of an engine out of reach is `engine_down`',
    check: (subject) => down(subject, (engine, deadline) => engine.ping(deadline)),
  },
  {
    id: 'down-start',
    sentence: 'a start on an engine out of reach is `engine_down`',
    check: (subject) =>
      down(subject, (engine, deadline) => engine.start(specOf(subject.images.shell), deadline)),
  },
  {
    id: 'down-list',
    sentence: 'the list of an engine out of reach is `engine_down`, not empty',
    check: (subject) => down(subject, (engine, deadline) => engine.list(deadline)),
  },
  {
    id: 'down-adopt',
    sentence: 'a sandbox of an engine out of reach is not taken for lost: `engine_down`',
    async check(subject) {
      await using made = await started(subject);
      await down(subject, (engine, deadline) => engine.adopt(made.sandbox.handle, deadline));
    },
  },
  {
    id: 'down-remove',
    sentence: 'a sandbox of an engine out of reach is not taken for removed: `engine_down`',
    async check(subject) {
      await using made = await started(subject);
      await down(subject, (engine, deadline) => engine.remove(made.sandbox.handle, deadline));
    },
  },
];
