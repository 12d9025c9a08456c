import type { SandboxSpec } from '../sandbox.ts';

/** The smallest sandbox, on sandboxd's own image, to try runtimes with. Sets every kind of limit. */
export function probeSpec(image: string): SandboxSpec {
  return {
    poolClass: 'runtime-probe',
    image: { name: 'runtime-probe', reference: image, shell: false, python: false },
    policy: {
      name: 'runtime-probe',
      user: { uid: 65_534, gid: 65_534 },
      capabilities: [],
      runtime: 'auto',
      network: 'none',
      read_only_root: false,
      seccomp: 'engine',
      limits: {
        memory: 64 * 2 ** 20,
        cpus: 1,
        processes: 32,
        open_files: 256,
        file_size: 2 ** 20,
        shm: 2 ** 20,
        output_kept: 1024,
        output_total: 65_536,
      },
      times: {
        call_default: 5_000,
        call_max: 5_000,
        rollout_idle: 60_000,
        rollout_life: 60_000,
        sandbox_start: 15_000,
      },
      answer_tokens: 1000,
      parallel_calls: 1,
      recovery: 'none',
      replay_budget: { calls: 0, time: 0 },
    },
  };
}
