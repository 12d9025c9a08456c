import type { CallNumber } from '../../../../src/protocol/messages.ts';
import { SandboxFault } from '../../../../src/sandbox/sandbox.ts';
import { anySandbox, breaks, endings, endingsOf, fault, started, unused, type Breakage } from './alter.ts';

const KILLED = 9;
const SHELL_SAYS_KILLED = (128 + KILLED) << 8;

export const BROKEN_CALLS: readonly Breakage[] = [
  breaks(
    'run-status',
    "takes a shell's word for a signal",
    endingsOf('killItself', () => ({ waitStatus: SHELL_SAYS_KILLED })),
  ),
  breaks(
    'run-output',
    'puts both streams into one',
    endings(({ stdout, stderr }) => ({
      stdout: { ...stdout, head: Buffer.concat([stdout.head, stderr.head]) },
    })),
  ),
  breaks(
    'run-joins',
    'starts a number again while it runs',
    started(() => (sandbox) => {
      const running = new Set<CallNumber>();
      return {
        run: (number, work, limits) => {
          const once = running.has(number) ? unused(number) : number;
          running.add(number);
          return sandbox.run(once, work, limits).finally(() => running.delete(number));
        },
      };
    }),
  ),
  breaks(
    'run-keeps-ending',
    'starts a number again after its ending',
    started(() => (sandbox) => {
      const over = new Set<CallNumber>();
      return {
        run: async (number, work, limits) => {
          const report = await sandbox.run(over.has(number) ? unused(number) : number, work, limits);
          over.add(number);
          return report;
        },
        acknowledge: (number) => {
          over.delete(number);
          sandbox.acknowledge(number);
        },
      };
    }),
  ),
  breaks(
    'run-forgets',
    'starts a number again once its ending was acknowledged',
    started(() => (sandbox) => {
      const acknowledged = new Set<CallNumber>();
      return {
        run: (number, work, limits) =>
          sandbox.run(acknowledged.has(number) ? unused(number) : number, work, limits),
        acknowledge: (number) => {
          acknowledged.add(number);
          sandbox.acknowledge(number);
        },
      };
    }),
  ),
  breaks(
    'run-unstartable',
    'makes a fault of a program that is not there',
    anySandbox((sandbox) => ({
      run: async (...call) => {
        const report = await sandbox.run(...call);
        if (report.type === 'start-failed') throw fault('engine_error');
        return report;
      },
    })),
  ),
  breaks(
    'run-cancels',
    'takes a cancelled command for one that was too slow',
    endings(({ killReason }) => ({ killReason: killReason === 'cancelled' ? 'timeout' : killReason })),
  ),
  breaks(
    'run-files',
    'reads a file from its beginning, whatever the offset',
    anySandbox((sandbox) => ({
      run: (number, work, limits) =>
        sandbox.run(number, work.kind === 'read-file' ? { ...work, offset: 0 } : work, limits),
    })),
  ),
  breaks(
    'run-files-rights',
    'writes files as root',
    anySandbox((sandbox) => ({
      run: async (number, work, limits) => {
        const report = await sandbox.run(number, work, limits);
        return report.type === 'exited' && work.kind === 'write-file' ? { ...report, errno: 0 } : report;
      },
    })),
  ),
  breaks(
    'run-last-call',
    'takes the latest number for the highest',
    started(() => (sandbox) => {
      let latest: CallNumber | null = null;
      return {
        run: (number, work, limits) => {
          latest = number;
          return sandbox.run(number, work, limits);
        },
        get lastCall() {
          return latest ?? sandbox.lastCall;
        },
      };
    }),
  ),
  breaks(
    'answers-starts-nothing',
    'runs a command to see whether it answers',
    started(() => (sandbox) => ({
      answers: async (deadline) => {
        const limits = { timeoutMs: 1_000, keepBytes: 1, outputBytes: 1 };
        const number = unused(sandbox.lastCall);
        await deadline.race(sandbox.run(number, { kind: 'probe' }, limits));
      },
    })),
  ),
  breaks(
    'answers-deadline',
    'says that a frozen sandbox answers',
    started(() => () => ({ answers: () => Promise.resolve() })),
  ),
  breaks(
    'detach-rejects',
    'says that a call under way at a detachment did not run',
    started(() => (sandbox) => {
      let detached = false;
      return {
        run: async (...call) => {
          const before = detached;
          try {
            return await sandbox.run(...call);
          } catch (error) {
            throw detached && !before ? new SandboxFault('lost', 'detached', { executed: 'no' }) : error;
          }
        },
        detach: () => {
          detached = true;
          sandbox.detach();
        },
      };
    }),
  ),
  breaks(
    'detach-refuses',
    'does not know whether a call given after a detachment ran',
    started(() => (sandbox) => {
      let detached = false;
      return {
        run: (...call) =>
          detached
            ? Promise.reject(new SandboxFault('lost', 'detached', { executed: 'unknown' }))
            : sandbox.run(...call),
        detach: () => {
          detached = true;
          sandbox.detach();
        },
      };
    }),
  ),
];
