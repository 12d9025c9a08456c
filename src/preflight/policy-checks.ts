import { inWords, type LimitName, type PolicyTrial } from '../sandbox/limit-findings.ts';
import type { Check } from './host-checks.ts';

/** What to change on the host, where that is known. */
const ADVICE: Partial<Record<LimitName, string>> = {
  memory: 'enable the memory controller: cgroup_enable=memory on the kernel command line',
  swap: 'swapaccount=1 on the kernel command line, or no swap: swapoff -a',
  cpus: 'delegate the processor controller to the engine: Delegate=cpu cpuset io memory pids in its unit',
  counters: '"default-cgroupns-mode": "private" in /etc/docker/daemon.json',
  seccomp: 'an engine that was built with seccomp',
  disk: 'a data-root on xfs mounted with pquota, or a sandbox policy with files in memory such as strict',
  socket_buffers: 'cgroup v2, or crun',
  oom_score: 'an engine with CAP_SYS_RESOURCE',
};

/** Whether each sandbox policy can be used on this engine: one check each. Pure. */
export function policyChecks(trials: readonly PolicyTrial[]): readonly Check[] {
  return trials.map(({ policy, findings, refusedFor }) => {
    const what = `sandbox policy ${policy}`;
    if (findings.length === 0)
      return { what, found: 'every limit is held', sandboxes: null, state: 'ok', advice: null };
    const advice = findings.flatMap(({ limit }) => ADVICE[limit] ?? []);
    const accept = `or, to use it without: FAULTLINE_ACCEPTED_LIMITS="${refusedFor.join(' ')}"`;
    return {
      what,
      found: `not held: ${findings.map(inWords).join(', ')}`,
      sandboxes: null,
      state: refusedFor.length > 0 ? 'bad' : 'warn',
      advice: [...advice, ...(refusedFor.length > 0 ? [accept] : [])].join('; ') || null,
    };
  });
}
