import type { Counters } from '../../../src/protocol/messages.ts';
import { parseSandboxFacts } from '../../../src/sandbox/sandbox-facts.ts';
import type { TrialEvidence } from '../../../src/sandbox/limit-findings.ts';
import { probeSpec } from '../../../src/sandbox/docker/probe-spec.ts';
import type { Policy } from '../../../src/policy/schema.ts';

const MEMORY = 64 * 2 ** 20;

/** As `strict` and `default` have them, so that every limit is asked for. */
export const POLICY: Policy = {
  ...probeSpec('image').policy,
  name: 'trial',
  user: { uid: 1_000, gid: 100 },
  capabilities: ['CHOWN'],
  read_only_root: true,
  seccomp: 'sandbox',
  limits: { ...probeSpec('image').policy.limits, tmp: 4 * 2 ** 20, work: 8 * 2 ** 20, disk: 2 ** 30 },
};

export const COUNTERS: Counters = {
  oomKills: 0,
  memoryUsageBytes: 2 ** 20,
  memoryPeakBytes: 2 ** 20,
  memoryLimitBytes: MEMORY,
  pidsCurrent: 2,
  pidsLimit: 32,
  pidsLimitHits: 0,
  cpuUsageUs: 20_000,
  cpuThrottledUs: 0,
  cpuThrottledPeriods: 0,
  rootFreeBytes: 2 ** 30,
  rootFreeInodes: 1_000,
};

/** What `sandboxd --rights-report` prints in a sandbox of `POLICY`, captured with crun under cgroup v1, without unused lines. */
export const V1 = `= /proc/self/status
 Name:	sandboxd
 Uid:	1000	1000	1000	1000
 Gid:	100	100	100	100
 CapInh:	0000000000000001
 CapPrm:	0000000000000001
 CapEff:	0000000000000001
 CapBnd:	0000000000000001
 CapAmb:	0000000000000001
 NoNewPrivs:	1
 Seccomp:	2
 Seccomp_filters:	1
= /proc/self/limits
 Limit                     Soft Limit           Hard Limit           Units     
 Max file size             1048576              1048576              bytes     
 Max core file size        0                    0                    bytes     
 Max processes             96364                96364                processes 
 Max open files            256                  256                  files     
= /proc/self/mountinfo
 117 94 0:39 / / ro,relatime - overlay overlay rw,lowerdir=/a:/b,upperdir=/c,workdir=/d
 118 117 0:43 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
 119 117 0:44 / /tmp rw,nosuid,nodev,relatime - tmpfs tmpfs rw,size=4096k,nr_inodes=512,mode=1777,uid=1000,gid=100
 120 117 0:45 / /work rw,nosuid,nodev,relatime - tmpfs tmpfs rw,size=8192k,nr_inodes=1024,mode=1777,uid=1000,gid=100
 121 119 0:48 / /dev/shm rw,nosuid,nodev,noexec,relatime - tmpfs shm rw,size=1024k
= /proc/net/dev
 Inter-|   Receive                                                |  Transmit
  face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
     lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
= /proc/meminfo
 MemTotal:       24683656 kB
 SwapTotal:       2097148 kB
= /proc/sys/kernel/random/boot_id
 fa60020a-9f34-4828-bb7d-d07cd72b0579
= /sys/fs/cgroup/cpu.max
= /sys/fs/cgroup/cpu/cpu.cfs_quota_us
 100000
= /sys/fs/cgroup/cpu/cpu.cfs_period_us
 100000
= /sys/fs/cgroup/memory.swap.max
= /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes
 67108864
= /sys/fs/cgroup/memory/memory.kmem.tcp.limit_in_bytes
 16777216
! lower /proc/self/oom_score_adj 13
! raise /proc/1/oom_score_adj 30
! limits of the first process 1
! create in / 30
`;

/** The same under cgroup v2. */
export const V2 = V1.replace('cpu.max\n', 'cpu.max\n 100000 100000\n')
  .replace('memory.swap.max\n', 'memory.swap.max\n 0\n')
  .replace(/(cpu\.cfs_\w+|memory\.memsw\S+|memory\.kmem\S+)\n \d+/g, '$1');

export function evidence(text = V1, change: Partial<TrialEvidence> = {}): TrialEvidence {
  return {
    policy: POLICY,
    user: { uid: 1_000, gid: 100 },
    capabilityMask: '0000000000000001',
    facts: parseSandboxFacts(text),
    counters: COUNTERS,
    warnings: [],
    diskLimit: true,
    ...change,
  };
}
