import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Controller } from './controller.ts';
import { PrivateEngine } from './engine.ts';
import { GroundTruth } from './ground-truth.ts';
import { Platform } from './platform.ts';
import { EngineProxy } from './proxy/engine-proxy.ts';
import { RuleSet } from './proxy/rule-set.ts';
import { seeded } from '../unit/support/seeded.ts';

const IMAGES = ['faultline/minimal:latest'];

export interface WorldOptions {
  readonly liveRestore: boolean;
  readonly seed: number;
  /** Gets the injector's log. */
  readonly truthFile: string;
}

const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Of a program that a signal has ended, as shells count. */
const INTERRUPTED = 130;

/** A private engine, the real server against it through the proxy, and the platform that calls the server. */
export class World implements AsyncDisposable {
  readonly engine: PrivateEngine;
  readonly truth: GroundTruth;
  readonly rules: RuleSet;
  readonly controller: Controller;
  readonly platform: Platform;
  readonly #ends: AsyncDisposableStack;
  /** Whoever ends the run in the middle finds no daemon and no mount left behind. */
  readonly #interrupted = (signal: NodeJS.Signals): void => {
    console.error(`${signal}: cleaning up`);
    void this[Symbol.asyncDispose]().finally(() => process.exit(INTERRUPTED));
  };

  private constructor(
    parts: Pick<World, 'engine' | 'truth' | 'rules' | 'controller'>,
    ends: AsyncDisposableStack,
  ) {
    this.engine = parts.engine;
    this.truth = parts.truth;
    this.rules = parts.rules;
    this.controller = parts.controller;
    this.platform = new Platform(parts.controller);
    this.#ends = ends;
    for (const signal of ENDING_SIGNALS) process.once(signal, this.#interrupted);
  }

  static async start({ liveRestore, seed, truthFile }: WorldOptions): Promise<World> {
    await using ends = new AsyncDisposableStack();
    const engine = ends.use(await PrivateEngine.start(IMAGES, { liveRestore }));
    const truth = new GroundTruth(truthFile);
    const rules = new RuleSet(truth, seeded(seed));
    const own = join(engine.folder, 'proxy.sock');
    ends.use(await EngineProxy.listen({ own, engine: engine.socket }, rules));
    const folder = join(engine.folder, 'controller');
    mkdirSync(folder);
    const controller = ends.use(await Controller.start(folder, `unix://${own}`));
    return new World({ engine, truth, rules, controller }, ends.move());
  }

  /** The container that the rollout has now; null where it has none. */
  containerOf(rollout: string): string | null {
    return this.claims(new Set([rollout])).at(-1) ?? null;
  }

  /** Every container that these rollouts were ever given, as the server's journal has it. */
  claims(rollouts: ReadonlySet<string>): string[] {
    const claims = this.controller.events('sandbox_claimed');
    return claims.filter(({ rollout }) => rollouts.has(rollout)).map(({ handle }) => handle.id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const signal of ENDING_SIGNALS) process.off(signal, this.#interrupted);
    await this.#ends.disposeAsync();
  }
}
