import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { DeadlineExceeded } from '../../src/kernel/deadline.ts';
import {
  begun,
  call,
  faultOf,
  newNumber,
  runAs,
  said,
  shellWork,
  soon,
  started,
  textOf,
  work,
} from './bench.ts';
import { ABSENT_PROGRAM } from './commands.ts';
import type { EnginePromise } from './promise.ts';

const ENOENT = 2;
const EACCES = 13;
const SILENCE_MS = 100;

export const CALLS: readonly EnginePromise[] = [
  {
    id: 'run-status',
    sentence: 'the exit status is what wait(2) gave: success, a code, a signal',
    async check(subject) {
      await using made = await started(subject);
      const statuses: number[] = [];
      for (const command of ['nothing', 'fail', 'killItself'] as const)
        statuses.push((await call(made.sandbox, command)).waitStatus);
      assert.deepEqual(statuses, [0, 7 << 8, 9]);
    },
  },
  {
    id: 'run-output',
    sentence: 'both output streams are kept, each by itself, with length and SHA-256 of the whole',
    async check(subject) {
      await using made = await started(subject);
      const { stdout, stderr } = await call(made.sandbox, 'speak');
      for (const [stream, text] of [[stdout, 'out'], [stderr, 'err']] as const) {
        assert.equal(Buffer.from(stream.head).toString(), text);
        assert.deepEqual([stream.tail.length, stream.totalBytes], [0, text.length]);
        assert.equal(Buffer.from(stream.sha256).toString('hex'), sha256(text));
      } // prettier-ignore
    },
  },
  {
    id: 'run-joins',
    sentence: 'a number given again while its command runs is not started again: both get the one ending',
    async check(subject) {
      await using made = await started(subject);
      const number = newNumber();
      const { ending } = await begun(made.sandbox, number);
      const again = runAs(made.sandbox, number, 'countOnGo');
      await call(made.sandbox, 'go');
      assert.deepEqual([textOf(await ending), textOf(await again)], ['1', '1']);
      assert.equal(await said(made.sandbox, 'runs'), '1');
    },
  },
  {
    id: 'run-keeps-ending',
    sentence: 'a number given again after its ending gives the same ending, until it is acknowledged',
    async check(subject) {
      await using made = await started(subject);
      const number = newNumber();
      const first = await runAs(made.sandbox, number, 'count');
      assert.deepEqual(await runAs(made.sandbox, number, 'fail'), first);
      assert.equal(await said(made.sandbox, 'runs'), '1');
    },
  },
  {
    id: 'run-forgets',
    sentence: 'a number whose ending was acknowledged never runs again: `lost`, and not "it did not run"',
    async check(subject) {
      await using made = await started(subject);
      const number = newNumber();
      await runAs(made.sandbox, number, 'count');
      made.sandbox.acknowledge(number);
      const fault = await faultOf(runAs(made.sandbox, number, 'count'));
      assert.equal(fault.code, 'lost');
      assert.notEqual(fault.executed, 'no');
      assert.equal(await said(made.sandbox, 'runs'), '1');
    },
  },
  {
    id: 'run-unstartable',
    sentence: 'a program that is not there is an ending (`exec`, ENOENT), not a fault',
    async check(subject) {
      await using made = await started(subject);
      const argv = [ABSENT_PROGRAM];
      const report = await work(made.sandbox, {
        kind: 'exec',
        argv,
        env: [],
        cwd: null,
        stdin: new Uint8Array(),
      });
      assert(report.type === 'start-failed', `it ended: ${JSON.stringify(report)}`);
      assert.deepEqual([report.stage, report.errno], ['exec', ENOENT]);
    },
  },
  {
    id: 'run-cancels',
    sentence: '`cancel` ends a running command, and its ending says `cancelled`',
    async check(subject) {
      await using made = await started(subject);
      const number = newNumber();
      const { ending } = await begun(made.sandbox, number);
      made.sandbox.cancel(number);
      assert.equal((await ending).killReason, 'cancelled');
    },
  },
  {
    id: 'run-files',
    sentence: 'bytes written as a file are read back as they were, by file work and by commands',
    async check(subject) {
      await using made = await started(subject);
      const [path, data] = ['/tmp/folder/file', Buffer.from([0, 1, 10, 255])];
      const written = await work(made.sandbox, { kind: 'write-file', path, offset: 0, data, mode: 0o644 });
      assert.equal(written.type === 'exited' && written.errno, 0);
      const read = await work(made.sandbox, { kind: 'read-file', path, offset: 1, length: 100 });
      assert.deepEqual(read.type === 'exited' && Buffer.from(read.payload), data.subarray(1));
      assert.equal(await said(made.sandbox, 'lengthOfFile'), '4');
    },
  },
  {
    id: 'run-files-rights',
    sentence: "file work has the rights of the sandbox policy's user",
    async check(subject) {
      await using made = await started(subject);
      const file = { path: '/root/file', offset: 0, data: Buffer.from('x'), mode: 0o644 };
      const denied = await work(made.sandbox, { kind: 'write-file', ...file });
      assert.equal(denied.type === 'exited' && denied.errno, EACCES);
    },
  },
  {
    id: 'run-last-call',
    sentence: '`lastCall` is the highest number used',
    async check(subject) {
      await using made = await started(subject);
      const [lower, higher] = [newNumber(), newNumber()];
      await runAs(made.sandbox, higher, 'nothing');
      await runAs(made.sandbox, lower, 'nothing');
      assert.equal(made.sandbox.lastCall, higher);
    },
  },
  {
    id: 'answers-starts-nothing',
    sentence: '`answers` uses no number',
    async check(subject) {
      await using made = await started(subject);
      const { lastCall } = made.sandbox;
      await made.sandbox.answers(soon(subject));
      assert.equal(made.sandbox.lastCall, lastCall);
    },
  },
  {
    id: 'answers-deadline',
    sentence: '`answers` of a frozen sandbox gives up at its deadline',
    async check(subject) {
      const { freezing } = subject.operator;
      if (freezing === null) return;
      await using made = await started(subject);
      await freezing.freeze(made.sandbox.handle);
      await assert.rejects(made.sandbox.answers(soon(subject, SILENCE_MS)), DeadlineExceeded);
      await freezing.thaw(made.sandbox.handle);
    },
  },
  {
    id: 'detach-rejects',
    sentence: 'a call under way when its sandbox is detached is `lost`, and known to have been started',
    async check(subject) {
      await using made = await started(subject);
      const { ending } = await begun(made.sandbox);
      made.sandbox.detach();
      const { code, executed } = await faultOf(ending);
      assert.deepEqual([code, executed], ['lost', 'yes']);
    },
  },
  {
    id: 'detach-refuses',
    sentence: 'a call given to a detached sandbox is `lost`, and known not to have run',
    async check(subject) {
      await using made = await started(subject);
      made.sandbox.detach();
      const limits = { timeoutMs: 1_000, keepBytes: 1, outputBytes: 1 };
      const { code, executed } = await faultOf(made.sandbox.run(newNumber(), shellWork('count'), limits));
      assert.deepEqual([code, executed], ['lost', 'no']);
    },
  },
];

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
