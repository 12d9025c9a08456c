import type { FaultCase, CallKind } from './case-schema.ts';
import { GOOD, Member } from './member.ts';
import type { Answer } from './platform.ts';
import type { Target } from './ground-truth.ts';
import type { World } from './world.ts';

/** A request about a call, beside the call itself. */
export interface ClientAct {
  readonly rollout: string;
  readonly act: 'same' | 'other';
  readonly first: Promise<Answer>;
  readonly answer: Promise<Answer>;
}

/** One case while it is played: who takes part, what is under way, which faults are in force. */
export class Stage {
  readonly world: World;
  readonly members: readonly Member[];
  /** Answers quickly where anything does: tells when a restarted process is back. */
  readonly pilot: Member;
  /** The main calls that were sent. */
  readonly sent = new Map<Member, Promise<Answer>>();
  readonly acts: ClientAct[] = [];
  readonly recoveriesMs: number[] = [];
  /** Kinds of rules that never worked on anything. */
  readonly idleRules: string[] = [];
  readonly #faults = new Map<string, () => void>();

  constructor(world: World, { name, cast }: FaultCase, calls: Readonly<Record<string, CallKind>>) {
    this.world = world;
    const { platform } = world;
    const roles = cast.flatMap((role) => Array.from({ length: role.rollouts }, () => role));
    this.members = roles.map(({ call, task, victim }, nth) => {
      const main = calls[call] ?? GOOD;
      return new Member({ rollout: `${name}.${String(nth + 1)}.${call}`, main, task, victim, platform });
    });
    this.pilot = new Member({ rollout: `${name}.pilot`, main: GOOD, task: 'good', victim: false, platform });
  }

  get everybody(): readonly Member[] {
    return [...this.members, this.pilot];
  }

  /** Those that have called, so that the server knows them. */
  get played(): readonly Member[] {
    return this.everybody.filter(({ calls }) => calls.length > 0);
  }

  get victims(): readonly Member[] {
    return this.members.filter(({ victim }) => victim);
  }

  /** @throws Error where a victim has no container. */
  get victimContainers(): string[] {
    return this.victims.map(({ rollout }) => {
      const container = this.world.containerOf(rollout);
      if (container === null) throw new Error(`${rollout} has no container`);
      return container;
    });
  }

  /** Keeps the answer for who awaits it later; until then its failure must not end the process. */
  send(member: Member, answer: Promise<Answer>): void {
    answer.catch(() => undefined);
    this.sent.set(member, answer);
  }

  /** A fault begins; it ends by `ends` or with the case. */
  begins(fault: string, target: Target): void {
    if (!this.#faults.has(fault)) this.#faults.set(fault, this.world.truth.open(fault, target));
  }

  ends(fault: string): void {
    this.#faults.get(fault)?.();
    this.#faults.delete(fault);
  }

  endAll(): void {
    for (const fault of this.#faults.keys()) this.ends(fault);
  }
}
