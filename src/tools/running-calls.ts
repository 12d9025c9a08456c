import type { Call } from '../rollouts/call.ts';
import type { CallAnswer } from './call-answer.ts';

/** The calls that are being conducted, so that a repeated request joins its call instead of running it again. */
export class RunningCalls {
  readonly #answers = new Map<Call, Promise<CallAnswer>>();

  get(call: Call): Promise<CallAnswer> | undefined {
    return this.#answers.get(call);
  }

  /** Keeps the answer to come until it is there. */
  add(call: Call, conducted: Promise<CallAnswer>): Promise<CallAnswer> {
    const answer = conducted.finally(() => this.#answers.delete(call));
    this.#answers.set(call, answer);
    return answer;
  }

  /** Resolves when none of these calls that is under way now is any more. */
  async settled(calls: Iterable<Call>): Promise<void> {
    await Promise.allSettled([...calls].flatMap((call) => this.#answers.get(call) ?? []));
  }

  /** Resolves when no call is under way any more. */
  async idle(): Promise<void> {
    while (this.#answers.size > 0) await Promise.allSettled(this.#answers.values());
  }
}
