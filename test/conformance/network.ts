import assert from 'node:assert/strict';
import { call, refusal, said, started } from './bench.ts';
import type { EnginePromise } from './promise.ts';
import { EGRESS, specOf } from './spec.ts';

export const NETWORK: readonly EnginePromise[] = [
  {
    id: 'network-none',
    sentence: 'without a network there is no interface but loopback',
    async check(subject) {
      await using made = await started(subject);
      assert.equal(await said(made.sandbox, 'interfaces'), 'lo');
    },
  },
  {
    id: 'network-named',
    sentence: 'a network of the engine gives an interface of its own; or it is refused',
    async check(subject) {
      const policy = { network: subject.network };
      if (!subject.engine.capabilities.networks) {
        await refusal(subject, policy, /\bnetwork\b/);
        return;
      }
      await using made = await started(subject, specOf(subject.images.shell, policy));
      const interfaces = (await said(made.sandbox, 'interfaces')).split('\n');
      assert(interfaces.includes('lo') && interfaces.length > 1, interfaces.join(' '));
    },
  },
  {
    id: 'network-listed',
    sentence:
      'a list of hosts lets nothing else through, and endings count what it refused; or it is refused',
    async check(subject) {
      if (!subject.engine.capabilities.egressLists) {
        await refusal(subject, { network: EGRESS }, /\begress\b/);
        return;
      }
      await using made = await started(subject, specOf(subject.images.shell, { network: EGRESS }));
      const { waitStatus, egress } = await call(made.sandbox, 'connect');
      assert.notEqual(waitStatus, 0);
      assert.deepEqual(egress, { connections: 1, denied: 1, disturbed: false });
    },
  },
];
