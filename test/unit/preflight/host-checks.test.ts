import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { liveCap } from '../../../src/admission/live-cap.ts';
import { lowLimits, SHARED_LIMITS } from '../../../src/preflight/shared-limits.ts';
import { preflight, type Check, type EngineFacts } from '../../../src/preflight/host-checks.ts';

const host = {
  memoryAvailableBytes: 24 * 2 ** 30,
  pidMax: 4_194_304,
  descriptorLimit: 65_536,
  memoryTotalBytes: 16 * 2 ** 30,
  sharedLimits: {
    'fs.epoll.max_user_watches': 2 ** 30,
    'fs.inotify.max_user_instances': 2 ** 31 - 1,
    'fs.pipe-user-pages-soft': 2 ** 29,
    'fs.pipe-user-pages-hard': 0,
    'fs.file-max': 2 ** 63,
    'kernel.pty.max': null,
  },
};
const engine: EngineFacts = {
  version: '27.3.1',
  liveRestore: true,
  seccomp: true,
  storageDriver: 'overlay2',
  dataRoot: '/var/lib/docker',
  dataRootFreeBytes: 200 * 2 ** 30,
  dataRootTotalBytes: 250 * 2 ** 30,
  cgroupVersion: 2,
  chosenRuntime: 'crun',
};

function found(what: RegExp, change: { host?: object; engine?: object }): Check | undefined {
  const changed = { ...host, ...change.host };
  const checks = preflight(changed, { ...engine, ...change.engine }, liveCap(changed));
  return checks.find((check) => what.test(check.what));
}

describe('preflight', () => {
  it('finds nothing to change on a host that is set up for many sandboxes', () => {
    const checks = preflight(host, engine, liveCap(host));
    expect(checks.filter(({ state }) => state !== 'ok')).toEqual([]);
    expect(checks.find(({ what }) => what === 'memory')?.sandboxes).toBe(liveCap(host).by.memory);
  });

  it.each<[string, RegExp, { host?: object; engine?: object }, Check['state'], RegExp]>([
    ['an old engine', /^engine$/, { engine: { version: '19.03.8' } }, 'bad', /20\.10/],
    ['no seccomp', /seccomp/, { engine: { seccomp: false } }, 'bad', /seccomp/],
    [
      'containers that end with the daemon',
      /daemon/,
      { engine: { liveRestore: false } },
      'warn',
      /"live-restore": true/,
    ],
    ['a slow runtime', /^runtime/, { engine: { chosenRuntime: 'runc' } }, 'warn', /install crun/],
    ['a disk nearly full', /disk/, { engine: { dataRootFreeBytes: 2 ** 30 } }, 'warn', /docker system df/],
    ['few pids', /process ids/, { host: { pidMax: 32_768 } }, 'warn', /kernel\.pid_max/],
    ['few descriptors', /open files/, { host: { descriptorLimit: 1_024 } }, 'warn', /ulimit -n/],
    [
      'limits that sandboxes share',
      /share/,
      {
        host: { sharedLimits: { 'fs.epoll.max_user_watches': 3_600_000, 'fs.pipe-user-pages-soft': 16_384 } },
      },
      'warn',
      /^sysctl -w fs\.epoll\.max_user_watches=134217728 fs\.pipe-user-pages-soft=536870912$/,
    ],
  ])('%s: says so, and what to type', (_what, check, change, state, advice) => {
    expect(found(check, change)?.state).toBe(state);
    expect(found(check, change)?.advice).toMatch(advice);
  });

  it.each([
    ['fs.epoll.max_user_watches', 2 ** 27 - 1, 2 ** 27],
    ['fs.epoll.max_user_watches', 0, 2 ** 27],
    ['fs.inotify.max_user_instances', 8_192, 2 ** 25],
    ['fs.inotify.max_user_watches', 192_536, 2 ** 28],
    ['fs.file-max', 2_466_174, 2 ** 27],
    ['fs.aio-max-nr', 65_536, 2 ** 29],
    ['kernel.pty.max', 4_096, 2 ** 24],
    ['kernel.pid_max', 32_768, 2 ** 21],
  ])('%s of %i can be used up before 16 GiB of memory', (name, value, wanted) => {
    const { memoryTotalBytes } = host;
    expect(lowLimits({ memoryTotalBytes, sharedLimits: { [name]: value } })).toEqual([
      { name, value, wanted },
    ]);
    expect(lowLimits({ memoryTotalBytes, sharedLimits: { [name]: wanted } })).toEqual([]);
  });

  it('set-up raises the limits that the check names, to the same values', () => {
    const lines = readFileSync('docker/setup/limits', 'utf8').matchAll(
      /^limit (\S+) (\d+)( unlimited)?( \d+)?$/gm,
    );
    const inSetup = [...lines].map(([, name, bytes, zero, most]) => ({
      name,
      bytes: Number(bytes),
      ...(zero !== undefined && { zeroIsUnlimited: true }),
      ...(most !== undefined && { most: Number(most) }),
    }));
    expect(inSetup).toEqual(SHARED_LIMITS);
  });

  it('an engine on another machine has no disk that can be seen from here', () => {
    const remote = { engine: { dataRootFreeBytes: null, dataRootTotalBytes: null } };
    expect(found(/disk/, remote)).toMatchObject({
      state: 'ok',
      found: expect.stringContaining('not on this machine') as string,
    });
  });
});
