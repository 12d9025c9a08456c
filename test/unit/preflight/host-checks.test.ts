import { describe, expect, it } from 'vitest';
import { liveCap } from '../../../src/admission/live-cap.ts';
import { preflight, type Check, type EngineFacts } from '../../../src/preflight/host-checks.ts';

const host = {
  memoryAvailableBytes: 24 * 2 ** 30,
  pidMax: 4_194_304,
  descriptorLimit: 65_536,
  inotifyInstances: 8_192,
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
    ['the usual inotify limit', /inotify/, { host: { inotifyInstances: 128 } }, 'warn', /fs\.inotify/],
  ])('%s: says so, and what to type', (_what, check, change, state, advice) => {
    expect(found(check, change)?.state).toBe(state);
    expect(found(check, change)?.advice).toMatch(advice);
  });

  it('an engine on another machine has no disk that can be seen from here', () => {
    const remote = { engine: { dataRootFreeBytes: null, dataRootTotalBytes: null } };
    expect(found(/disk/, remote)).toMatchObject({
      state: 'ok',
      found: expect.stringContaining('not on this machine') as string,
    });
  });
});
