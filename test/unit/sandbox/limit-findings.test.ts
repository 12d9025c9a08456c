import { describe, expect, it, test } from 'vitest';
import { acceptedLimits } from '../../../src/sandbox/accepted-limits.ts';
import { parseRightsReport } from '../../../src/sandbox/rights-report.ts';
import { LIMITS, limitFindings, type LimitName } from '../../../src/sandbox/limit-findings.ts';
import { policyChecks } from '../../../src/preflight/policy-checks.ts';
import { COUNTERS, evidence, POLICY, V1, V2 } from './rights-reports.ts';

const found = (...made: Parameters<typeof evidence>): LimitName[] =>
  limitFindings(evidence(...made)).map(({ limit }) => limit);

/** The text with one part replaced, which must be there. */
function without(text: string, part: string | RegExp, replacement = ''): string {
  const changed = text.replace(part, replacement);
  expect(changed).not.toBe(text);
  return changed;
}

test.each([
  ['cgroup v1', V1],
  ['cgroup v2', V2],
])('a sandbox in which every limit is set has no findings: %s', (_version, text) => {
  expect(limitFindings(evidence(text))).toEqual([]);
});

describe('a limit that the engine discarded is named', () => {
  it.each<[LimitName, string | RegExp, string]>([
    [
      'open_files',
      /^ Max open files.*$/m,
      ' Max open files            1048576              1048576              files',
    ],
    [
      'open_files',
      /^ Max open files.*$/m,
      ' Max open files            256                  1048576              files',
    ],
    [
      'file_size',
      /^ Max file size.*$/m,
      ' Max file size             unlimited            unlimited            bytes',
    ],
    [
      'core',
      /^ Max core file size .*$/m,
      ' Max core file size        0                    unlimited            bytes',
    ],
    ['open_files', /^ Max open files.*$/m, ''],
    ['cpus', ' 100000\n', ' -1\n'],
    ['cpus', ' 100000\n', ' 200000\n'],
    ['cpus', ' 100000\n', ''],
    ['swap', ' 67108864\n', ' 134217728\n'],
    ['swap', ' 67108864\n', ' 9223372036854771712\n'],
    ['swap', ' 67108864\n', ''],
    ['tmp', 'size=4096k', 'size=8192k'],
    ['tmp', 'size=4096k,', ''],
    ['tmp', / .* \/tmp .*\n/, ''],
    ['work', '/work rw,nosuid,nodev,relatime - tmpfs', '/work rw,relatime - ext4'],
    ['shm', 'size=1024k', 'size=64k'],
    ['network', /^ {5}lo:.*$/m, '$&\n   eth0:    1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0'],
    ['network', /= \/proc\/net\/dev\n( .*\n)+/, '= /proc/net/dev\n'],
    ['user', 'Uid:\t1000\t1000', 'Uid:\t0\t0'],
    ['user', 'Gid:\t100\t', 'Gid:\t0\t'],
    ['capabilities', 'CapBnd:\t0000000000000001', 'CapBnd:\t00000000a80425fb'],
    ['capabilities', 'CapEff:\t0000000000000001', 'CapEff:\t0000000000000101'],
    ['capabilities', 'CapPrm:\t0000000000000001', 'CapPrm:\t0000000000000000'],
    ['new_privileges', 'NoNewPrivs:\t1', 'NoNewPrivs:\t0'],
    ['seccomp', 'Seccomp:\t2', 'Seccomp:\t0'],
    ['seccomp', 'Seccomp:\t2', 'Seccomp:\t1'],
    ['first_process', 'raise /proc/1/oom_score_adj 30', 'raise /proc/1/oom_score_adj 0'],
    ['first_process', 'limits of the first process 1', 'limits of the first process 0'],
    ['oom_score', 'lower /proc/self/oom_score_adj 13', 'lower /proc/self/oom_score_adj 0'],
    ['socket_buffers', ' 16777216\n', ' 9223372036854771712\n'],
  ])('%s', (limit, part, replacement) => {
    expect(found(without(V1, part, replacement))).toEqual([limit]);
  });

  it.each<[LimitName, string, string]>([
    ['cpus', ' 100000 100000\n', ' max 100000\n'],
    ['cpus', ' 100000 100000\n', ' 400000 100000\n'],
    ['cpus', ' 100000 100000\n', ''],
    ['swap', 'memory.swap.max\n 0\n', 'memory.swap.max\n max\n'],
    ['swap', 'memory.swap.max\n 0\n', 'memory.swap.max\n'],
  ])('%s under cgroup v2', (limit, part, replacement) => {
    expect(found(without(V2, part, replacement))).toEqual([limit]);
  });

  it('read_only_root: the file system takes a file, and no mount says otherwise', () => {
    const writable = without(without(V1, 'create in / 30', 'create in / 0'), '/ / ro,', '/ / rw,');
    expect(found(writable)).toEqual(['read_only_root']);
  });

  it.each<[LimitName, Partial<typeof COUNTERS>]>([
    ['memory', { memoryLimitBytes: -1 }],
    ['memory', { memoryLimitBytes: COUNTERS.memoryLimitBytes * 2 }],
    ['processes', { pidsLimit: -1 }],
    ['processes', { pidsLimit: 4_096 }],
    ['counters', { oomKills: -1 }],
    ['counters', { pidsLimitHits: -1 }],
    ['counters', { cpuUsageUs: -1 }],
  ])('%s, by the counters %j', (limit, change) => {
    expect(found(V1, { counters: { ...COUNTERS, ...change } })).toEqual([limit]);
  });

  it('disk: nothing limits the writable layer', () => {
    expect(found(V1, { diskLimit: false })).toEqual(['disk']);
  });
});

describe('warnings of the engine', () => {
  it.each<[LimitName, string]>([
    [
      'memory',
      'Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded.',
    ],
    [
      'swap',
      'Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.',
    ],
    [
      'processes',
      'Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.',
    ],
    ['cpus', 'Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded.'],
    [
      'engine',
      'Your kernel does not support kernel memory TCP limit capabilities, or the cgroup is not mounted. Kernel memory TCP limitation discarded.',
    ],
    ['engine', 'IPv4 forwarding is disabled. Networking will not work.'],
  ])('%s: %s', (limit, warning) => {
    expect(limitFindings(evidence(V1, { warnings: [warning] }))).toMatchObject([
      { limit, found: warning, refuses: LIMITS[limit].refuses },
    ]);
  });

  it('swap that the host does not have needs no limit', () => {
    const host = without(without(V1, 'SwapTotal:       2097148', 'SwapTotal:       0'), ' 67108864\n', '');
    const warnings = ['Your kernel does not support swap limit capabilities. Memory limited without swap.'];
    expect(found(host, { warnings })).toEqual([]);
  });

  it('what the sandbox itself showed is said once', () => {
    const warnings = ['Your kernel does not support memory limit capabilities. Limitation discarded.'];
    expect(found(V1, { warnings, counters: { ...COUNTERS, memoryLimitBytes: -1 } })).toEqual(['memory']);
  });
});

it('output that was cut short is no evidence: what was not read would look held', () => {
  for (const end of [V1.indexOf('! create'), V1.indexOf('= /proc/net'), 0])
    expect(() => parseRightsReport(V1.slice(0, end))).toThrow(RangeError);
});

it("the engine's own seccomp profile, and a network of the engine, are the operator's choice", () => {
  const open = without(without(V1, 'Seccomp:\t2', 'Seccomp:\t0'), 'first process 1', 'first process 0');
  const network = without(open, /^ {5}lo:.*$/m, '$&\n   eth0:    1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0');
  expect(found(network, { policy: { ...POLICY, seccomp: 'engine', network: 'bridge' } })).toEqual([]);
  expect(found(network, { policy: { ...POLICY, seccomp: 'engine' } })).toEqual(['network']);
});

it('a kernel of its own may show less, but not something else', () => {
  const policy = { ...POLICY, runtime: 'runsc' };
  const less = limitFindings(evidence(without(V1, /^ Max open files.*$/m), { policy }));
  expect(less).toMatchObject([{ limit: 'open_files', found: 'unknown', refuses: false }]);
  const other = limitFindings(evidence(without(V1, 'NoNewPrivs:\t1', 'NoNewPrivs:\t0'), { policy }));
  expect(other).toMatchObject([{ limit: 'new_privileges', refuses: true }]);
});

it('doctor: a refused sandbox policy is bad and says how to accept it, one with remarks warns', () => {
  const findings = limitFindings(
    evidence(V1, { counters: { ...COUNTERS, memoryLimitBytes: -1 }, diskLimit: false }),
  );
  const [bad] = policyChecks([{ policy: 'p', findings, refusedFor: ['memory'] }]);
  expect(bad).toMatchObject({ state: 'bad', what: 'sandbox policy p' });
  expect(bad?.found).toMatch(/memory \(asked 67108864, found unknown\), disk/);
  expect(bad?.advice).toMatch(/FAULTLINE_ACCEPTED_LIMITS="memory"$/);
  expect(policyChecks([{ policy: 'p', findings, refusedFor: [] }])[0]?.state).toBe('warn');
  expect(policyChecks([{ policy: 'p', findings: [], refusedFor: [] }])[0]?.state).toBe('ok');
});

it('only limits that refuse a sandbox policy can be accepted', () => {
  expect(acceptedLimits.parse(' memory, swap cpus')).toEqual(['memory', 'swap', 'cpus']);
  for (const text of ['', 'disk', 'Memory', 'memory;swap', 'all'])
    expect(acceptedLimits.safeParse(text).success).toBe(false);
});
