import type { Clock } from '../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../kernel/deadline.ts';
import { errorMessage } from '../kernel/errors.ts';
import { decodeOutput } from '../outcome/text.ts';
import type { Task } from '../policy/schema.ts';
import type { CallLimits, Work } from '../protocol/messages.ts';
import { PULL_MS, type ImageStore } from '../sandbox/image-store.ts';
import { SandboxFault, type Sandbox, type SandboxEngine } from '../sandbox/sandbox.ts';
import { specOf } from '../rollouts/sandbox-spec.ts';
import { setUp, SetupFailed } from '../rollouts/set-up.ts';

const REMOVE_MS = 30_000;
/** Characters of a failed call's output that the problem quotes. */
const QUOTED = 200;

/** One step of the check. `problem` is null if it succeeded, `ms` is null if it wasn't tried. */
export interface CheckStep {
  readonly step: string;
  readonly ms: number | null;
  readonly problem: string | null;
}

/** A reference call of a tool. It must end with status 0. */
export interface ReferenceCall {
  readonly tool: string;
  /** Null where the tool has no example; then it isn't tried. */
  readonly work: Work | null;
  readonly limits: CallLimits;
}

export interface CheckParts {
  readonly engine: Pick<SandboxEngine, 'start' | 'remove'>;
  readonly images: ImageStore;
  readonly clock: Clock;
}

/** Tries a task in a sandbox of its own: image, sandboxd, set-up, one call per tool. Stops when a step fails that the others need. */
export async function checkTaskInSandbox(
  task: Task,
  references: readonly ReferenceCall[],
  { engine, images, clock }: CheckParts,
): Promise<CheckStep[]> {
  const steps: CheckStep[] = [];
  const attempt = async <T>(step: string, doing: () => Promise<T>): Promise<T | null> => {
    const began = clock.monotonic();
    try {
      const result = await doing();
      steps.push({ step, ms: clock.monotonic() - began, problem: null });
      return result;
    } catch (error) {
      if (!isFinding(error)) throw error;
      steps.push({ step, ms: clock.monotonic() - began, problem: errorMessage(error) });
      return null;
    }
  };
  const within = (ms: number): Deadline => Deadline.after(clock, 'sandbox_start', ms);
  if ((await attempt('image', () => images.provide(task.image, within(PULL_MS)))) === null) return steps;
  const start = within(task.policy.times.sandbox_start);
  const sandbox = await attempt('sandboxd answers', () => engine.start(specOf(task), start));
  if (sandbox === null) return steps;
  try {
    let number = sandbox.lastCall;
    const nextNumber = (): number => (number += 1);
    const ready = await attempt('set-up', async () => {
      await setUp({ task, nextNumber }, sandbox);
      return true;
    });
    for (const reference of ready === null ? [] : references) {
      const { tool, work } = reference;
      if (work === null) steps.push({ step: tool, ms: null, problem: null });
      else await attempt(tool, () => callOnce(sandbox, nextNumber(), work, reference.limits));
    }
    return steps;
  } finally {
    await engine.remove(sandbox.handle, Deadline.after(clock, 'engine_request', REMOVE_MS));
  }
}

/** A reference call that failed. */
class CallFailed extends Error {
  override readonly name = 'CallFailed';
}

function isFinding(error: unknown): boolean {
  return (
    error instanceof SandboxFault ||
    error instanceof SetupFailed ||
    error instanceof CallFailed ||
    error instanceof DeadlineExceeded
  );
}

async function callOnce(sandbox: Sandbox, number: number, work: Work, limits: CallLimits): Promise<void> {
  const report = await sandbox.run(number, work, limits);
  if (report.type !== 'exited') throw new CallFailed(`could not be started (errno ${String(report.errno)})`);
  sandbox.acknowledge(number);
  if (report.waitStatus === 0 && report.errno === 0 && !report.raised && report.killReason === 'none') return;
  const said = decodeOutput(
    Buffer.concat([report.stderr.head, report.stderr.tail, report.stdout.head]),
  ).trim();
  throw new CallFailed(`wait status ${String(report.waitStatus)}: ${said.slice(0, QUOTED)}`);
}
