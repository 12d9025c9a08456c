import type { Call } from '../rollouts/call.ts';
import type { CallAnswer } from './call-answer.ts';

/** The calls under way, so that a repeated request joins its call instead of running it again. */
export class RunningCalls {
  readonly #answers = new Map<Call, Promise<CallAnswer>>();

  get(call: Call): Promise<CallAnswer> | undefined {
    return this.#answers.get(call);
  }

  /** Keeps the pending answer until it is settled. */
  add(call: Call, conducted: Promise<CallAnswer>): Promise<CallAnswer> {
    const answer = conducted.finally(() => this.#answers.delete(call));
    this.#answers.set(call, answer);
    return answer;
  }

  /** Resolves when those of these calls that are under way now have ended. */
  async settled(calls: Iterable<Call>): Promise<void> {
    await Promise.allSettled([...calls].flatMap((call) => this.#answers.get(call) ?? []));
  }

  /** Resolves when no call is under way. */
  async idle(): Promise<void> {
    while (this.#answers.size > 0) await Promise.allSettled(this.#answers.values());
  }
}
