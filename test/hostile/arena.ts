import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { EventOf } from '../../src/journal/event.ts';
import { Server, World } from '../docker/support/server.ts';
import type { HostileCase } from './case.ts';

interface PolicyFile {
  runtime?: string;
  recovery?: string;
  limits: Record<string, unknown>;
}

/** `auto`: what the server finds at its start. */
export interface Ground {
  readonly policy: string;
  readonly runtime: string;
}

/** A server of its own whose tasks are the policies under trial, each with its runtime and with the cases' limits. */
export class Arena implements AsyncDisposable {
  readonly world: World;
  readonly server: Server;

  private constructor(world: World, server: Server) {
    this.world = world;
    this.server = server;
  }

  static async open(grounds: readonly Ground[], cases: readonly HostileCase[]): Promise<Arena> {
    const world = new World();
    const policies = join(world.folder, 'policies');
    const tasks: Record<string, unknown> = { base: { image: 'base' } };
    for (const ground of grounds) {
      for (const limits of [{}, ...cases.map((item) => item.limits)]) {
        const name = taskName(ground, limits);
        tasks[name] = { image: 'base', policy: name };
        writeFileSync(join(policies, `${name}.yaml`), policyText(policies, ground, limits));
      }
    }
    writeFileSync(join(policies, 'tasks.yaml'), stringify({ default: 'base', tasks }));
    const arena = new Arena(world, await world.start());
    for (const ground of grounds) await arena.rollout(canaryOn(ground), ground);
    return arena;
  }

  async rollout(id: string, ground: Ground, limits: HostileCase['limits'] = {}): Promise<void> {
    const body = { rollout_id: id, task: taskName(ground, limits) };
    const { status } = await this.server.request('POST', '/v1/rollouts', body);
    if (status !== 201) throw new Error(`rollout ${id} not opened: ${String(status)}`);
  }

  /** What the journal says of the endings of a rollout's calls, by call id. */
  finished(rollout: string): Map<string, EventOf<'call_finished'>> {
    const endings = this.world.events<EventOf<'call_finished'>>('call_finished', rollout);
    return new Map(endings.map((ending) => [ending.call, ending]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
    await this.world[Symbol.asyncDispose]();
  }
}

/** The rollout whose sandbox must stay well whatever the cases do to theirs. */
export function canaryOn({ policy, runtime }: Ground): string {
  return `canary-${policy}-${runtime}`;
}

function taskName({ policy, runtime }: Ground, limits: HostileCase['limits']): string {
  const digest = createHash('sha256').update(JSON.stringify(limits)).digest('hex').slice(0, 6);
  return `${policy}.${runtime}.${digest}`;
}

/** Without replay: a sandbox that is lost must show as lost. */
function policyText(folder: string, { policy, runtime }: Ground, limits: HostileCase['limits']): string {
  const file = parse(readFileSync(join(folder, `${policy}.yaml`), 'utf8')) as PolicyFile;
  const chosen = runtime === 'auto' ? {} : { runtime };
  return stringify({ ...file, ...chosen, recovery: 'none', limits: { ...file.limits, ...limits } });
}
