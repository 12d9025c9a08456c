import type { Blobs } from '../journal/blobs.ts';
import type { Journal } from '../journal/journal.ts';
import type { Deadline } from '../kernel/deadline.ts';
import type { CallId } from '../kernel/ids.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Call, CallEnding, CallIntent } from './call.ts';
import { difference, type RerunResult } from './replay-difference.ts';
import { recordedEvent } from './recorded-event.ts';
import type { Rollout, Upload } from './rollout.ts';
import { putFile } from './upload.ts';

/** The fresh sandbox does not come out as the lost one was. */
export class ReplayMismatch extends Error {
  override readonly name = 'ReplayMismatch';
}

/** More calls than the policy lets a replay repeat. */
export class ReplayOverBudget extends Error {
  override readonly name = 'ReplayOverBudget';
}

/** Runs a past call once more, from its journaled arguments. @throws SandboxFault */
export type RerunCall = (
  call: { readonly rollout: Rollout; readonly tool: string; readonly arguments: unknown },
  sandbox: Sandbox,
  number: number,
) => Promise<RerunResult>;

/** A call that the lost sandbox ran, and whose ending the model was shown. */
interface RanCall {
  readonly callId: CallId;
  readonly tool: string;
  readonly intent: CallIntent;
  readonly ending: CallEnding;
}

/** Brings a fresh sandbox to where the lost one was: every upload and every call again, in order, each compared. */
export class Replay {
  readonly #journal: Journal;
  readonly #blobs: Blobs;
  readonly #rerunCall: RerunCall;

  constructor(parts: { journal: Journal; blobs: Blobs; rerunCall: RerunCall }) {
    this.#journal = parts.journal;
    this.#blobs = parts.blobs;
    this.#rerunCall = parts.rerunCall;
  }

  /**
   * Resolves with the number of calls that were run again.
   *
   * @throws ReplayMismatch, ReplayOverBudget; DeadlineExceeded; SandboxFault where the fresh sandbox is lost too.
   */
  async replayInto(rollout: Rollout, sandbox: Sandbox, deadline: Deadline): Promise<number> {
    const calls = [...rollout.calls.values()].flatMap(ranInSandbox);
    const { replay_budget: budget } = rollout.task.policy;
    if (calls.length > budget.calls)
      throw new ReplayOverBudget(`${String(calls.length)} calls, at most ${String(budget.calls)}`);
    const steps = [
      ...calls.map((call) => ({
        number: call.intent.number,
        run: () => this.#rerun(rollout, sandbox, call),
      })),
      ...rollout.uploads.map((upload) => ({
        number: upload.number,
        run: () => this.#uploadAgain(rollout, sandbox, upload),
      })),
    ];
    for (const step of steps.toSorted((a, b) => a.number - b.number)) await deadline.race(step.run());
    return calls.length;
  }

  async #uploadAgain(rollout: Rollout, sandbox: Sandbox, { path, sha256 }: Upload): Promise<void> {
    await putFile({ rollout, sandbox, path, content: await this.#blobs.open(sha256) });
  }

  async #rerun(rollout: Rollout, sandbox: Sandbox, call: RanCall): Promise<void> {
    const intended = await recordedEvent(this.#journal, call.intent.position, 'call_intended');
    const first = await recordedEvent(this.#journal, call.ending.position, 'call_finished');
    const number = rollout.nextNumber();
    const again = await this.#rerunCall(
      { rollout, tool: call.tool, arguments: intended.arguments },
      sandbox,
      number,
    );
    sandbox.acknowledge(number);
    const different = difference(first, again);
    if (different !== null) throw new ReplayMismatch(`call ${call.callId}: ${different}`);
  }
}

function ranInSandbox({ callId, tool, intent, ending }: Call): RanCall[] {
  if (intent === null || ending === null || ending.status !== 200) return [];
  return [{ callId, tool, intent, ending }];
}
