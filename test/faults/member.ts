import type { CallKind } from './case-schema.ts';
import type { Answer, Platform, Request } from './platform.ts';

/** Longer than any case: then the driver gives up, and the case has failed. */
const ANSWER_MS = 180_000;
export const GOOD: CallKind = {
  command: 'echo {mark} >> /srv/marks; echo {mark}',
  output: '{mark}\n',
  own: ['completed'],
};
/** Says first that it ran: a rollout whose sandbox is gone is told so in an ordinary answer. */
const COUNT: CallKind = { command: 'echo counted; cat /srv/marks', own: ['completed'] };

/** One call as the driver sent it. */
export interface SentCall {
  readonly rollout: string;
  readonly id: string;
  readonly kind: CallKind;
  readonly fromMs: number;
  untilMs: number;
  /** Null until there is one. */
  answer: Answer | null;
}

/** One rollout of the driver's. */
export class Member {
  readonly rollout: string;
  readonly main: CallKind;
  readonly victim: boolean;
  readonly calls: SentCall[] = [];
  deleted = false;
  readonly #platform: Platform;
  readonly #task: string;

  constructor(options: {
    rollout: string;
    main: CallKind;
    task: string;
    victim: boolean;
    platform: Platform;
  }) {
    this.rollout = options.rollout;
    this.main = options.main;
    this.victim = options.victim;
    this.#task = options.task;
    this.#platform = options.platform;
  }

  /** Nothing of it is the model's own fault. */
  get isGood(): boolean {
    return this.main.own.every((cause) => cause === 'completed') && this.main.output !== undefined;
  }

  /** From when on the loss of the sandbox is seen by this call: a task without replay never gets another. */
  damagedFrom(sent: SentCall): number {
    return this.#task === 'lasting' ? Math.min(...this.calls.map(({ fromMs }) => fromMs)) : sent.fromMs;
  }

  /** Sends a call and waits for the answer it ends with. */
  async call(id: string, kind: CallKind): Promise<Answer> {
    const sent: SentCall = {
      rollout: this.rollout,
      id,
      kind,
      fromMs: performance.now(),
      untilMs: Infinity,
      answer: null,
    };
    this.calls.push(sent);
    sent.answer = await this.#platform.ask(this.#request(id, kind, {}), ANSWER_MS);
    sent.untilMs = performance.now();
    return sent.answer;
  }

  /** Sends once more what was sent before; `changed` is added to its arguments. */
  async repeat({ id, kind }: SentCall, changed: object = {}): Promise<Answer> {
    return await this.#platform.ask(this.#request(id, kind, changed), ANSWER_MS);
  }

  /** How often each mark is in the sandbox; null where it can't be asked any more. */
  async marks(): Promise<ReadonlyMap<string, number> | null> {
    const { status, output } = await this.#platform.ask(
      this.#request(`${this.rollout}-count`, COUNT, {}),
      ANSWER_MS,
    );
    const [head, ...marks] = output?.split('\n').filter((line) => line !== '') ?? [];
    if (status !== 200 || head !== 'counted') return null;
    const counts = new Map<string, number>();
    for (const mark of marks) counts.set(mark, (counts.get(mark) ?? 0) + 1);
    return counts;
  }

  /** Its trainer wants no more of it. */
  async delete(): Promise<void> {
    this.deleted = true;
    await this.#platform.ask({ method: 'DELETE', path: `/v1/rollouts/${this.rollout}` }, ANSWER_MS);
  }

  #request(id: string, kind: CallKind, changed: object): Request {
    const command = kind.command?.replaceAll('{mark}', id);
    const args = kind.arguments ?? {
      command,
      ...(kind.timeout === undefined ? {} : { timeout_ms: kind.timeout }),
    };
    const body = {
      type: kind.envelope === 'broken' ? 'a type of another program' : 'function_call',
      id: `fc_${id}`,
      call_id: id,
      name: 'shell',
      arguments: JSON.stringify({ ...args, ...changed }),
      trace_id: this.rollout,
    };
    return { method: 'POST', path: `/v1/tools/shell?task=${this.#task}`, body };
  }
}

/** What a right answer says, or null where anything is right. */
export function expectedOutput({ id, kind }: SentCall): string | null {
  return kind.output?.replaceAll('{mark}', id) ?? null;
}
