import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { SandboxdProcess, buildSandboxd, ending, exec, out, python } from './sandboxd-process.ts';

beforeAll(buildSandboxd);

describe('a full process table', () => {
  const group = `/sys/fs/cgroup/pids/faultline-test-${String(process.pid)}`;
  const prepare = `mkdir -p ${group}; echo 60 > ${group}/pids.max; echo 0 > ${group}/cgroup.procs; mount --bind ${group} /sys/fs/cgroup/pids`;
  const available = existsSync('/sys/fs/cgroup/pids/tasks');

  async function withGroup(body: (sandboxd: SandboxdProcess) => Promise<void>): Promise<void> {
    mkdirSync(group, { recursive: true });
    try {
      await using sandboxd = await SandboxdProcess.start({ prepare });
      await body(sandboxd);
    } finally {
      const deadline = Date.now() + 10_000;
      while (existsSync(group) && Date.now() < deadline) {
        try {
          rmdirSync(group);
        } catch {
          await new Promise(setImmediate);
        }
      }
    }
  }

  it.runIf(available)(
    'makes the next start fail with EAGAIN and is emptied, so that the start after that works (H25)',
    async () => {
      await withGroup(async (sandboxd) => {
        await sandboxd.call(python('x = 1'));
        const fill = 'for i in $(seq 100); do sleep 9999 & done 2>/dev/null; echo filled';
        await sandboxd.call(exec('bash', '-c', fill), { timeoutMs: 60_000 });
        const failed = await sandboxd.call(exec('true'));
        expect(failed).toMatchObject({ type: 'start-failed', errno: 11, killReach: 'everything' });
        expect(failed.after.pidsLimitHits).toBeGreaterThan(failed.before.pidsLimitHits - 1);
        expect(failed.before.pidsCurrent).toBeGreaterThan(55);
        expect(failed.after.pidsCurrent).toBeLessThan(10);
        expect(await out(sandboxd, exec('echo', 'again'))).toBe('again\n');
        expect(ending(await sandboxd.call(python('1'))).interpreter).toBe('replaced');
      });
    },
  );

  it.runIf(available)('by a fork bomb does not outlive its deadline (H22)', async () => {
    await withGroup(async (sandboxd) => {
      const bomb = 'bomb() { bomb | bomb & }; bomb; while :; do :; done';
      const end = await sandboxd.call(exec('bash', '-c', bomb), { timeoutMs: 1500, keepBytes: 1000 });
      expect(end).toMatchObject({ type: 'exited', killReason: 'timeout' });
      expect(await out(sandboxd, exec('echo', 'again'))).toBe('again\n');
    });
  });
});
