import type { Clock } from '../../kernel/clock.ts';
import { Deadline } from '../../kernel/deadline.ts';
import { errorMessage } from '../../kernel/errors.ts';
import { SingleFlight } from '../../kernel/single-flight.ts';
import { decodeOutput } from '../../outcome/text.ts';
import type { Policy } from '../../policy/schema.ts';
import type { CallLimits, Counters } from '../../protocol/messages.ts';
import { parseSandboxFacts, type SandboxFacts } from '../sandbox-facts.ts';
import { inWords, limitFindings, type LimitName, type PolicyTrial } from '../limit-findings.ts';
import { SandboxFault, type CallReport, type Sandbox, type SandboxSpec } from '../sandbox.ts';
import { capabilityMask, SANDBOXD_FOLDER } from './container-spec.ts';
import { startFault } from './docker-errors.ts';

/** A sandbox of the trial, removed at its end. */
export interface TrialSandbox extends AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly warnings: readonly string[];
}

interface TrialParts {
  readonly start: (spec: SandboxSpec, deadline: Deadline) => Promise<TrialSandbox>;
  readonly clock: Clock;
  /** An image with nothing but sandboxd. */
  readonly image: string;
  readonly accepted: ReadonlySet<LimitName>;
  /** Whether the engine limits the writable layer. */
  readonly diskLimit: () => boolean;
}

const CALL: CallLimits = { timeoutMs: 20_000, keepBytes: 2 ** 20, outputBytes: 2 ** 21 };
/** A sandbox policy that was refused is tried again for a start after this time: an engine can be repaired. */
const REFUSED_MS = 60_000;

/**
 * Before the first sandbox of a sandbox policy is handed out, one is started that shows whether each limit is really set.
 * An engine may accept a limit and discard it, with a warning or without: such a sandbox works, and what the model then
 * does to the host or to others, and what is said of it, is wrong.
 */
export class PolicyTrials {
  readonly #parts: TrialParts;
  readonly #running = new SingleFlight<string, PolicyTrial>();
  readonly #made = new Map<string, { readonly trial: PolicyTrial; readonly endedMs: number }>();

  constructor(parts: TrialParts) {
    this.#parts = parts;
  }

  /** @throws SandboxFault `engine_error` naming the limits that are not held, or the fault of the trial's own start. */
  async pass(policy: Policy, deadline: Deadline): Promise<void> {
    const { refusedFor, findings } = await this.#within(policy, deadline);
    if (refusedFor.length === 0) return;
    const said = findings.filter(({ limit }) => refusedFor.includes(limit)).map(inWords);
    throw new SandboxFault(
      'engine_error',
      `sandbox policy "${policy.name}" is not used, because the engine does not hold its limits: ${said.join('; ')}`,
      { lasting: true },
    );
  }

  /** The trial of this sandbox policy: one for equal ones, made again after a fault. @throws SandboxFault of its start. */
  async trialOf(policy: Policy): Promise<PolicyTrial> {
    const key = keyOf(policy);
    const made = this.#made.get(key);
    const now = this.#parts.clock.monotonic();
    if (made !== undefined && (made.trial.refusedFor.length === 0 || now - made.endedMs < REFUSED_MS))
      return made.trial;
    return await this.#running.run(key, async () => {
      const trial = await this.#try(policy);
      this.#made.set(key, { trial, endedMs: this.#parts.clock.monotonic() });
      return trial;
    });
  }

  async #within(policy: Policy, deadline: Deadline): Promise<PolicyTrial> {
    try {
      return await deadline.race(this.trialOf(policy));
    } catch (error) {
      const fault = startFault(error, deadline);
      if (fault.code !== 'image_missing' && fault.code !== 'image_broken') throw fault;
      // The image of the trial is ours: no task's.
      throw new SandboxFault('engine_error', fault.message, { cause: fault });
    }
  }

  async #try(policy: Policy): Promise<PolicyTrial> {
    const { clock, image, accepted, diskLimit } = this.#parts;
    const spec: SandboxSpec = {
      poolClass: 'policy-trial',
      image: { name: 'policy-trial', reference: image, shell: false, python: false },
      policy,
    };
    const within = Deadline.after(clock, 'sandbox_start', policy.times.sandbox_start);
    await using made = await this.#parts.start(spec, within);
    const { sandbox, warnings } = made;
    const { facts, counters } = await within.race(readSandboxFacts(sandbox));
    const findings = limitFindings({
      policy,
      user: userOf(policy, sandbox),
      capabilityMask: capabilityMask(policy.capabilities),
      ...{ facts, counters, warnings },
      diskLimit: diskLimit(),
    });
    const refusedFor = findings
      .filter(({ limit, refuses }) => refuses && !accepted.has(limit))
      .map(({ limit }) => limit);
    return { policy: policy.name, findings, refusedFor: [...new Set(refusedFor)] };
  }
}

/** What a command of a sandbox finds; it writes so many bytes first. @throws SandboxFault where it can't be asked. */
export async function readSandboxFacts(
  sandbox: Sandbox,
  bytes = 0,
): Promise<{ readonly facts: SandboxFacts; readonly counters: Counters }> {
  const number = sandbox.lastCall + 1;
  const argv = [`${SANDBOXD_FOLDER}/sandboxd`, '--rights-report', String(bytes)];
  const work = { kind: 'exec', argv, env: [], cwd: null, stdin: new Uint8Array() } as const;
  const report: CallReport = await sandbox.run(number, work, CALL);
  sandbox.acknowledge(number);
  const unshown = (why: string, cause?: unknown): SandboxFault =>
    new SandboxFault('engine_error', `sandboxd can't show the limits of a sandbox: ${why}`, { cause });
  if (report.type !== 'exited') throw unshown(`errno ${String(report.errno)}`);
  if (report.waitStatus !== 0) throw unshown(`wait status ${String(report.waitStatus)}`);
  try {
    return { facts: parseSandboxFacts(decodeOutput(report.stdout.head)), counters: report.after };
  } catch (error) {
    throw unshown(errorMessage(error), error);
  }
}

/** The limits that sandboxes of a sandbox policy get; not its times and its pool. */
function keyOf(policy: Policy): string {
  const { name, user, capabilities, runtime, network, read_only_root, seccomp, limits } = policy;
  return JSON.stringify([name, user, capabilities, runtime, network, read_only_root, seccomp, limits]);
}

function userOf({ user }: Policy, { handle }: Sandbox): { uid: number; gid: number } {
  if (user !== 'own') return user;
  const { ownUser = -1 } = handle;
  return { uid: ownUser, gid: ownUser };
}
