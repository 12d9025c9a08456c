import { setTimeout as sleep } from 'node:timers/promises';
import { causes, type CauseCode } from '../../src/outcome/causes.ts';
import { chaosFaults, type Strike } from './chaos-faults.ts';
import type { Expectation } from './judge.ts';
import { look, together, type Found } from './look.ts';
import { GOOD, Member } from './member.ts';
import type { CaseResult } from './play.ts';
import { seeded } from '../unit/support/seeded.ts';
import type { World } from './world.ts';

/** Rollouts at work at the same time, and calls of each. */
const LANES = 16;
const CALLS_EACH = 25;
/** Between two faults, at most. */
const CALM_MS = 3_000;
/** Of calls that are sent again while they run, as by a client that lost its patience. */
const REPEATED = 0.05;

/** A hit call should be answered all the same; where it is not, infrastructure's is the only other right ending. */
const EXPECTED: Expectation = {
  takes_sandbox: false,
  transparent: 'possible',
  endings: (Object.keys(causes) as CauseCode[]).filter(
    (cause) => causes[cause].attribution === 'infra' || cause === 'blind',
  ),
};

export interface ChaosResult extends CaseResult {
  /** How often each fault was injected. */
  readonly faults: Readonly<Record<string, number>>;
  readonly recoveriesByWhatMs: Strike['recoveriesMs'];
  /** Rollouts that a fault was aimed at, and of them those whose every call was answered right. */
  readonly hitRollouts: number;
  readonly unharmedRollouts: number;
}

/** So many calls of good rollouts while one random fault after the other is injected; the same seed, the same faults. */
export async function runChaos(world: World, calls: number, seed: number): Promise<ChaosResult> {
  const began = performance.now();
  const lanes = new Lanes(world, calls, seeded(seed));
  const injector = inject(world, lanes, seeded(seed + 1));
  const rollouts = await lanes.run();
  const { faults, recoveriesMs } = await injector;
  const found = together(rollouts);
  const hit = rollouts.filter(({ judgements }) => judgements.some((one) => one.hit));
  const unharmed = hit.filter(({ judgements }) => judgements.every(({ verdict }) => verdict === 'ok'));
  return {
    ...found,
    name: 'chaos',
    faults,
    recoveriesByWhatMs: recoveriesMs,
    recoveriesMs: [...recoveriesMs.dockerd, ...recoveriesMs.controller],
    durationMs: performance.now() - began,
    hitRollouts: hit.length,
    unharmedRollouts: unharmed.length,
  };
}

/** The rollouts at work: as one ends, the next begins. */
class Lanes {
  readonly pilot: Member;
  readonly #world: World;
  readonly #random: () => number;
  readonly #working = new Set<Member>();
  #callsLeft: number;
  #opened = 0;
  #over = false;

  constructor(world: World, calls: number, random: () => number) {
    this.#world = world;
    this.#callsLeft = calls;
    this.#random = random;
    this.pilot = this.#member('pilot');
  }

  get over(): boolean {
    return this.#over;
  }

  /** One of those at work; null where none has begun. */
  pick(random: number): Member | null {
    const working = [...this.#working].filter(({ calls }) => calls.length > 1);
    return working[Math.floor(random * working.length)] ?? null;
  }

  async run(): Promise<Found[]> {
    const found = await Promise.all(Array.from({ length: LANES }, () => this.#lane()));
    this.#over = true;
    return found.flat();
  }

  async #lane(): Promise<Found[]> {
    const found: Found[] = [];
    while (this.#callsLeft > 0) {
      const calls = Math.min(CALLS_EACH, this.#callsLeft);
      this.#callsLeft -= calls;
      this.#opened += 1;
      const member = this.#member(String(this.#opened));
      this.#working.add(member);
      for (let nth = 1; nth <= calls; nth += 1) await this.#call(member, nth);
      this.#working.delete(member);
      found.push(await look(this.#world, member, EXPECTED, false));
      await member.delete();
    }
    return found;
  }

  /** Some are sent twice at once: the second request joins the first. */
  async #call(member: Member, nth: number): Promise<void> {
    const called = member.call(`${member.rollout}.${String(nth)}`, GOOD);
    const sent = member.calls.at(-1);
    const repeated = this.#random() < REPEATED && sent !== undefined ? member.repeat(sent) : null;
    await Promise.all([called, repeated]);
  }

  #member(name: string): Member {
    return new Member({
      rollout: `chaos.${name}`,
      main: GOOD,
      task: 'warm',
      victim: false,
      platform: this.#world.platform,
    });
  }
}

/** One fault after the other, as long as anybody is at work. */
async function inject(
  world: World,
  lanes: Lanes,
  random: () => number,
): Promise<{ faults: Record<string, number>; recoveriesMs: Strike['recoveriesMs'] }> {
  const faults: Record<string, number> = {};
  const recoveriesMs: Strike['recoveriesMs'] = { dockerd: [], controller: [] };
  const { pilot } = lanes;
  await pilot.call('chaos.pilot.open', GOOD);
  const strike: Strike = { world, pilot, random, victim: () => lanes.pick(random()), recoveriesMs };
  while (!lanes.over) {
    await sleep(CALM_MS * random());
    const fault = chaosFaults[Math.floor(random() * chaosFaults.length)];
    if (fault === undefined) continue;
    faults[fault.name] = (faults[fault.name] ?? 0) + 1;
    await fault.strike(strike);
  }
  await pilot.delete();
  return { faults, recoveriesMs };
}
