import type { Policy } from '../../src/policy/schema.ts';
import type { SandboxSpec } from '../../src/sandbox/sandbox.ts';

const MEBIBYTE = 2 ** 20;

/** Of every sandbox of the suite. */
export const MEMORY_BYTES = 64 * MEBIBYTE;
export const PROCESSES = 32;
export const USER = 65_534;
export const POOL_CLASS = 'conformance';
/** Less than `COMMANDS.fillDisk` writes. */
const DISK_BYTES = 64 * MEBIBYTE;

const POLICY: Policy = {
  name: 'conformance',
  user: { uid: USER, gid: USER },
  capabilities: [],
  runtime: 'auto',
  network: 'none',
  read_only_root: false,
  seccomp: 'engine',
  limits: {
    memory: MEMORY_BYTES,
    cpus: 1,
    processes: PROCESSES,
    open_files: 256,
    file_size: 2 ** 30,
    disk: DISK_BYTES,
    shm: MEBIBYTE,
    output_kept: 65_536,
    output_total: MEBIBYTE,
  },
  times: {
    call_default: 30_000,
    call_max: 30_000,
    rollout_idle: 600_000,
    rollout_life: 600_000,
    sandbox_start: 60_000,
  },
  answer_tokens: 1_000,
  parallel_calls: 1,
  recovery: 'none',
  replay_budget: { calls: 0, time: 0 },
};

/** A list of hosts; `COMMANDS.connect` asks for another one. */
export const EGRESS = { egress: [{ host: 'listed.test', ports: [80], private: false }] };

/** A sandbox of an image under small limits, with what a check wants otherwise of its sandbox policy. */
export function specOf(image: string, policy: Partial<Policy> = {}): SandboxSpec {
  return {
    poolClass: POOL_CLASS,
    image: { name: 'conformance', reference: image, shell: true, python: false },
    policy: { ...POLICY, ...policy },
  };
}
