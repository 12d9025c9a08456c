import type { Counters } from '../../../../src/protocol/messages.ts';
import type { SandboxEngine, SandboxSpec } from '../../../../src/sandbox/sandbox.ts';
import {
  anySandbox,
  breaks,
  breaksBare,
  endings,
  endingsOf,
  isCommand,
  override,
  prints,
  started,
  type Breakage,
} from './alter.ts';

const FAILED = 1 << 8;

/** One counter has this value in every reading. */
const counts = (name: keyof Counters, value: number): Breakage['alter'] =>
  endings(({ before, after }) => ({
    before: { ...before, [name]: value },
    after: { ...after, [name]: value },
  }));

/** What a sandbox policy asks for is left out without a word. */
const ignores =
  (change: (spec: SandboxSpec) => SandboxSpec): Breakage['alter'] =>
  (engine) =>
    override<SandboxEngine>(engine, { start: (spec, deadline) => engine.start(change(spec), deadline) });

const asNobody: SandboxSpec['policy']['user'] = { uid: 65_534, gid: 65_534 };

export const BROKEN_LIMITS: readonly Breakage[] = [
  breaks(
    'limit-time',
    'does not say why it ended a command',
    endings(({ killReason }) => ({ killReason: killReason === 'timeout' ? 'none' : killReason })),
  ),
  breaks(
    'limit-output',
    'does not say why it ended a command',
    endings(({ killReason }) => ({ killReason: killReason === 'output' ? 'none' : killReason })),
  ),
  breaks(
    'limit-kept',
    'keeps the beginning only',
    endings(({ stdout }) => ({ stdout: { ...stdout, tail: new Uint8Array() } })),
  ),
  breaks('limit-memory', 'counts no OOM kills', counts('oomKills', 0)),
  breaksBare('limit-memory', 'makes counters up', counts('oomKills', 0)),
  breaks('limit-processes', 'counts no refused processes', counts('pidsLimitHits', 0)),
  breaksBare('limit-processes', 'makes counters up', counts('pidsLimitHits', 0)),
  breaks('limit-shown', 'does not tell the limit of memory', counts('memoryLimitBytes', -1)),
  breaksBare('limit-shown', 'makes counters up', counts('pidsLimit', 0)),
  breaks(
    'limit-disk',
    'holds no limit of the disk, though it says so',
    endingsOf('fillDisk', () => ({ waitStatus: 0 })),
  ),
  breaksBare(
    'limit-disk',
    'holds a limit of the disk that it does not declare',
    endingsOf('fillDisk', () => ({ waitStatus: FAILED })),
  ),
  breaks(
    'limit-files',
    'discards the limit of open files',
    ignores(({ policy, ...spec }) => ({
      ...spec,
      policy: { ...policy, limits: { ...policy.limits, open_files: 1_048_576 } },
    })),
  ),
  breaks(
    'limit-files',
    "discards the limit of one file's size",
    ignores(({ policy, ...spec }) => ({
      ...spec,
      policy: { ...policy, limits: { ...policy.limits, file_size: 2 ** 50 } },
    })),
  ),
  breaks(
    'root-read-only',
    'lets root write to a read-only image',
    ignores(({ policy, ...spec }) => ({ ...spec, policy: { ...policy, read_only_root: false } })),
  ),
  breaks(
    'root-read-only',
    'makes every image read-only',
    ignores(({ policy, ...spec }) => ({ ...spec, policy: { ...policy, read_only_root: true } })),
  ),
  breaks(
    'first-process',
    'lets root expose the first process',
    endingsOf('exposeFirst', () => ({ waitStatus: 0 })),
  ),
  breaks(
    'user',
    'runs commands as root',
    anySandbox((sandbox, _, { policy }) => ({
      run: async (number, work, limits) => {
        const report = await sandbox.run(number, work, limits);
        const isUser = isCommand(work, 'user') && policy.user !== 'own';
        return report.type === 'exited' && isUser ? { ...report, ...prints(report, '0\n') } : report;
      },
    })),
  ),
  breaks(
    'user-own',
    'does not say which user it gave',
    started(() => ({ handle: { ownUser: _, ...handle } }) => ({ handle })),
  ),
  breaks(
    'user-own',
    'gives another user than the spec names',
    ignores(({ ownUser: _, ...spec }) => spec),
  ),
  breaksBare(
    'user-own',
    'gives the user of everybody instead',
    ignores((spec) => ({
      ...spec,
      policy: { ...spec.policy, user: spec.policy.user === 'own' ? asNobody : spec.policy.user },
    })),
  ),
  breaks(
    'network-none',
    'gives a network that nobody asked for',
    anySandbox((sandbox, _, { policy }) => ({
      run: async (number, work, limits) => {
        const report = await sandbox.run(number, work, limits);
        const asks = isCommand(work, 'interfaces') && policy.network === 'none';
        return report.type === 'exited' && asks ? { ...report, ...prints(report, 'eth0\nlo\n') } : report;
      },
    })),
  ),
  breaks('network-named', 'gives no network where one is named', ignores(withoutNetwork('string'))),
  breaksBare(
    'network-named',
    'gives no network where one is named, in silence',
    ignores(withoutNetwork('string')),
  ),
  breaks(
    'network-listed',
    'does not count what the proxy refused',
    endings(({ egress }) => (egress === undefined ? {} : { egress: { ...egress, denied: 0 } })),
  ),
  breaksBare(
    'network-listed',
    'gives no way out where hosts are listed, in silence',
    ignores(withoutNetwork('object')),
  ),
];

/** The spec without its network where that is named, or without its list of hosts. */
function withoutNetwork(kind: 'string' | 'object') {
  return (spec: SandboxSpec): SandboxSpec =>
    typeof spec.policy.network === kind ? { ...spec, policy: { ...spec.policy, network: 'none' } } : spec;
}
