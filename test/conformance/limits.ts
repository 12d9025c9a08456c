import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { assertUncounted, call, refusal, said, started } from './bench.ts';
import type { Policy } from '../../src/policy/schema.ts';
import type { EnginePromise } from './promise.ts';
import { MEMORY_BYTES, PROCESSES, specOf, USER } from './spec.ts';
import type { Subject } from './subject.ts';

const TIME_LIMIT_MS = 300;
const KEEP_BYTES = 1_024;
const REPEATED_USER = 1_234_567;
const NUMBERS = Array.from({ length: 2_000 }, (_, nth) => `${String(nth + 1)}\n`).join('');

const asRoot = ({ images }: Subject, policy: Partial<Policy> = {}) =>
  specOf(images.shell, { user: { uid: 0, gid: 0 }, capabilities: ['DAC_OVERRIDE'], ...policy });

/** Limits of a call, and what counts them. */
export const LIMITS: readonly EnginePromise[] = [
  {
    id: 'limit-time',
    sentence: 'a command that reaches its time limit, and not before, is ended for it; the sandbox lives on',
    async check(subject) {
      await using made = await started(subject);
      const ending = await call(made.sandbox, 'sleep', { timeoutMs: TIME_LIMIT_MS });
      assert.equal(ending.killReason, 'timeout');
      assert(ending.exitedAtMs - ending.startedAtMs >= TIME_LIMIT_MS - 1, 'ended early');
      assert.equal((await call(made.sandbox, 'nothing')).waitStatus, 0);
    },
  },
  {
    id: 'limit-output',
    sentence: 'a command that writes more than it may is ended for it',
    async check(subject) {
      await using made = await started(subject);
      const ending = await call(made.sandbox, 'flood', { outputBytes: 100_000 });
      assert.equal(ending.killReason, 'output');
      assert(ending.stdout.totalBytes >= 100_000);
    },
  },
  {
    id: 'limit-kept',
    sentence:
      'of output beyond what is kept, the first and the last half stay; length and SHA-256 are of the whole',
    async check(subject) {
      await using made = await started(subject);
      const { stdout } = await call(made.sandbox, 'numbers', { keepBytes: KEEP_BYTES });
      const [head, tail] = [Buffer.from(stdout.head).toString(), Buffer.from(stdout.tail).toString()];
      assert(head.length + tail.length <= KEEP_BYTES);
      assert(head.length > 0 && NUMBERS.startsWith(head));
      assert(tail.length > 0 && NUMBERS.endsWith(tail));
      const hash = createHash('sha256').update(NUMBERS).digest();
      assert.deepEqual([stdout.totalBytes, Buffer.from(stdout.sha256)], [NUMBERS.length, hash]);
    },
  },
  {
    id: 'limit-memory',
    sentence: 'a command that the memory limit ended is seen in the OOM kills, where there are counters',
    async check(subject) {
      await using made = await started(subject);
      const ending = await call(made.sandbox, 'fillMemory');
      assert.notEqual(ending.waitStatus, 0);
      if (subject.engine.capabilities.counters) assert(ending.after.oomKills > ending.before.oomKills);
      else assertUncounted(ending, 'oomKills');
    },
  },
  {
    id: 'limit-processes',
    sentence: 'a process that the limit refused is seen in the refusals, where there are counters',
    async check(subject) {
      await using made = await started(subject);
      const ending = await call(made.sandbox, 'fillProcesses');
      assert.notEqual(ending.waitStatus, 0);
      if (subject.engine.capabilities.counters)
        assert(ending.after.pidsLimitHits > ending.before.pidsLimitHits);
      else assertUncounted(ending, 'pidsLimitHits');
    },
  },
  {
    id: 'limit-shown',
    sentence: "an ending shows the sandbox policy's limits of memory and processes, where there are counters",
    async check(subject) {
      await using made = await started(subject);
      const ending = await call(made.sandbox, 'nothing');
      const { memoryLimitBytes, pidsLimit } = ending.after;
      if (subject.engine.capabilities.counters)
        assert.deepEqual([memoryLimitBytes, pidsLimit], [MEMORY_BYTES, PROCESSES]);
      else assertUncounted(ending, 'memoryLimitBytes', 'pidsLimit');
    },
  },
  {
    id: 'limit-disk',
    sentence: '`limits.disk` is held where it is declared; elsewhere it refuses nothing',
    async check(subject) {
      await using made = await started(subject);
      const { waitStatus } = await call(made.sandbox, 'fillDisk');
      if (subject.engine.capabilities.diskLimit) assert.notEqual(waitStatus, 0);
      else assert.equal(waitStatus, 0);
    },
  },
  {
    id: 'limit-files',
    sentence:
      "a command has the sandbox policy's limits of open files and of one file's size, and no core file",
    async check(subject) {
      await using made = await started(subject);
      const [files, blocks, core] = (await said(made.sandbox, 'ulimits')).split('\n').map(Number);
      const { open_files, file_size } = specOf(subject.images.shell).policy.limits;
      assert.deepEqual([files, (blocks ?? 0) * 512, core], [open_files, file_size, 0]);
    },
  },
  {
    id: 'root-read-only',
    sentence: 'root can write to the image where the sandbox policy lets it, and not where it is read-only',
    async check(subject) {
      for (const read_only_root of [true, false]) {
        await using made = await started(subject, asRoot(subject, { read_only_root }));
        const { waitStatus } = await call(made.sandbox, 'writeRoot');
        assert.equal(waitStatus !== 0, read_only_root);
      }
    },
  },
  {
    id: 'first-process',
    sentence: "a command of root does not change the first process's place in the kernel's order of victims",
    async check(subject) {
      await using made = await started(subject, asRoot(subject));
      assert.notEqual((await call(made.sandbox, 'exposeFirst')).waitStatus, 0);
      assert.equal((await call(made.sandbox, 'nothing')).waitStatus, 0);
    },
  },
  {
    id: 'user',
    sentence: "commands run as the sandbox policy's user",
    async check(subject) {
      await using made = await started(subject);
      assert.equal(await said(made.sandbox, 'user'), String(USER));
    },
  },
  {
    id: 'user-own',
    sentence:
      '`user: own` gives a sandbox the user that its spec names, else one that no other has, and its handle says which; or it is refused',
    async check(subject) {
      const policy = { user: 'own' } as const;
      if (!subject.engine.capabilities.ownUsers) {
        await refusal(subject, policy, /\buser\b/);
        return;
      }
      const spec = specOf(subject.images.shell, policy);
      await using one = await started(subject, spec);
      await using two = await started(subject, spec);
      await using three = await started(subject, { ...spec, ownUser: REPEATED_USER });
      const all = [one, two, three].map(({ sandbox }) => sandbox);
      const users: string[] = [];
      for (const sandbox of all) users.push(await said(sandbox, 'user'));
      assert.deepEqual(
        users,
        all.map(({ handle }) => String(handle.ownUser)),
      );
      assert.equal(new Set([...users, String(USER)]).size, 4);
      assert.equal(users[2], String(REPEATED_USER));
    },
  },
];
