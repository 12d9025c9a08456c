import type { Blobs } from '../journal/blobs.ts';
import type { EventOf } from '../journal/event.ts';
import type { Journal, Position } from '../journal/journal.ts';
import type { Deadline } from '../kernel/deadline.ts';
import { causes } from '../outcome/causes.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { difference, type RerunResult } from './replay-difference.ts';
import type { CallRecord, Rollout, Upload } from './rollout.ts';
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

/** A call that reached the lost sandbox and whose ending the model was shown. */
interface ReplayableCall extends CallRecord {
  readonly number: number;
  readonly intent: Position;
  readonly position: Position;
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
  async into(rollout: Rollout, sandbox: Sandbox, deadline: Deadline): Promise<number> {
    const calls = [...rollout.calls.values()].filter(ranThere);
    const { replay_budget: budget } = rollout.task.policy;
    if (calls.length > budget.calls)
      throw new ReplayOverBudget(`${String(calls.length)} calls, at most ${String(budget.calls)}`);
    const deeds = [...calls, ...rollout.uploads].toSorted((a, b) => a.number - b.number);
    for (const deed of deeds) {
      await deadline.race(
        'sha256' in deed ? this.#upload(rollout, sandbox, deed) : this.#call(rollout, sandbox, deed),
      );
    }
    return calls.length;
  }

  async #upload(rollout: Rollout, sandbox: Sandbox, { path, sha256 }: Upload): Promise<void> {
    await putFile({ rollout, sandbox, path, content: await this.#blobs.open(sha256) });
  }

  async #call(rollout: Rollout, sandbox: Sandbox, record: ReplayableCall): Promise<void> {
    const intended = await this.#read(record.intent, 'call_intended');
    const first = await this.#read(record.position, 'call_finished');
    const number = rollout.nextNumber();
    const again = await this.#rerunCall(
      { rollout, tool: record.tool, arguments: intended.arguments },
      sandbox,
      number,
    );
    sandbox.acknowledge(number);
    const different = difference(first, again);
    if (different !== null) throw new ReplayMismatch(`call ${record.callId}: ${different}`);
  }

  async #read<Type extends 'call_intended' | 'call_finished'>(
    position: Position,
    type: Type,
  ): Promise<EventOf<Type>> {
    const event = await this.#journal.read(position);
    if (event.type !== type) throw new Error(`journal holds a ${event.type} where a ${type} should be`);
    return event as EventOf<Type>;
  }
}

function ranThere(record: CallRecord): record is ReplayableCall {
  const { outcome, number, intent, position } = record;
  if (outcome === null || number === null || intent === null || position === null) return false;
  return causes[outcome.cause].status === 200;
}
