import { setTimeout as sleep } from 'node:timers/promises';
import type { Target } from './ground-truth.ts';
import type { Member } from './member.ts';
import type { Rule } from './proxy/rule.ts';
import { ruleSchema } from './proxy/rule.ts';
import { startAgain } from './start-again.ts';
import type { World } from './world.ts';

export interface Strike {
  readonly world: World;
  readonly pilot: Member;
  /** In [0, 1), by the seed. */
  readonly random: () => number;
  /** A rollout that is at work now, or null. */
  readonly victim: () => Member | null;
  readonly recoveriesMs: { dockerd: number[]; controller: number[] };
}

/** A random fault: begins, and is over when the promise resolves. */
export interface ChaosFault {
  readonly name: string;
  readonly strike: (strike: Strike) => Promise<void>;
}

const rule = (text: object): Rule => ruleSchema.parse(text);

/** Rules of the proxy for some time. */
function rules(name: string, forMs: number, ...texts: object[]): ChaosFault {
  return {
    name,
    strike: async ({ world }) => {
      await during(world, name, 'all', async () => {
        world.rules.add(texts.map(rule), []);
        await sleep(forMs);
        world.rules.lift();
      });
    },
  };
}

async function during(world: World, name: string, target: Target, act: () => Promise<void>): Promise<void> {
  const over = world.truth.open(name, target);
  await act();
  over();
}

function killed(what: 'dockerd' | 'controller'): ChaosFault {
  return {
    name: `${what} killed`,
    strike: async ({ world, pilot, random, recoveriesMs }) => {
      await during(world, `${what} killed`, 'all', async () => {
        if (what === 'dockerd') await world.engine.signal('dockerd', 'SIGKILL');
        else await world.controller.signal('SIGKILL');
        await sleep(2_000 * random());
        const recoveryMs = await startAgain(world, what, pilot);
        if (recoveryMs !== null) recoveriesMs[what].push(recoveryMs);
      });
    },
  };
}

const engineHangs: ChaosFault = {
  name: 'dockerd hangs',
  strike: async ({ world, random }) => {
    await during(world, 'dockerd hangs', 'all', async () => {
      await world.engine.signal('dockerd', 'SIGSTOP');
      await sleep(1_000 + 6_000 * random());
      await world.engine.signal('dockerd', 'SIGCONT');
    });
  },
};

const containerKilled: ChaosFault = {
  name: 'container killed',
  strike: async ({ world, victim }) => {
    const rollout = victim()?.rollout;
    const container = rollout === undefined ? null : world.containerOf(rollout);
    if (rollout === undefined || container === null) return;
    // Its sandbox is gone until the next call has rebuilt it; how long that is nobody outside knows.
    world.truth.open('container killed', new Set([rollout]));
    // It may have been removed this moment, or be gone already.
    await world.engine.docker('kill', container).catch(() => '');
  },
};

const clientsVanish: ChaosFault = {
  name: 'clients vanish',
  strike: async ({ world }) => {
    world.truth.note('clients vanish', {});
    world.platform.vanish();
    await sleep(200);
  },
};

const twoSeconds = 2_000;

/** One is drawn at a time, each as likely as the others. */
export const chaosFaults: readonly ChaosFault[] = [
  rules('requests of starts fail', twoSeconds,
    { on: 'create', request: { status: 500 }, probability: 0.5 },
    { on: 'start', request: { status: 500 }, probability: 0.3 },
    { on: 'attach', request: { status: 500 }, probability: 0.5 }),
  rules('answers to starts are dropped', twoSeconds,
    { on: 'create', request: 'drop_reply', probability: 0.4 },
    { on: 'start', request: 'drop_reply', probability: 0.4 }),
  rules('call frames are delivered, their replies lost', twoSeconds,
    { on: 'attach', stream: 'cut_after', frame: 'start', probability: 0.3 }),
  rules('call frames are not delivered', twoSeconds,
    { on: 'attach', stream: 'cut_before', frame: 'start', probability: 0.3 }),
  rules('call frames are cut or come twice', twoSeconds,
    { on: 'attach', stream: 'truncate', frame: 'start', probability: 0.2 },
    { on: 'attach', stream: 'duplicate', frame: 'start', probability: 0.5 }),
  rules('endings are lost', twoSeconds,
    { on: 'attach', stream: 'cut_before', frame: 'exited', probability: 0.3 },
    { on: 'attach', stream: 'truncate', frame: 'exited', probability: 0.2 }),
  rules('the engine is slow', 3 * twoSeconds,
    { on: 'create', request: { delay: '2s' } },
    { on: 'attach', request: { delay: '3s' } },
    { on: 'attach', stream: { delay: '300ms' }, probability: 0.3 }),
  rules('events are silent', 2 * twoSeconds, { on: 'events', stream: 'stall' }),
  killed('dockerd'),
  killed('controller'),
  engineHangs,
  containerKilled,
  containerKilled,
  clientsVanish,
]; // prettier-ignore
