import { randomBytes } from 'node:crypto';
import { openAdmission } from '../../src/admission/admission.ts';
import { readHostFacts } from '../../src/preflight/host-facts.ts';
import { liveCap } from '../../src/admission/live-cap.ts';
import { Blobs } from '../../src/journal/blobs.ts';
import type { JournalEvent, NewEvent } from '../../src/journal/event.ts';
import { FileJournal } from '../../src/journal/file-journal.ts';
import type { Journal, PlacedEvent, Position } from '../../src/journal/journal.ts';
import { systemClock as clock } from '../../src/kernel/clock.ts';
import { callId, rolloutId } from '../../src/kernel/ids.ts';
import { seccompProfiles } from '../../src/policy/seccomp.ts';
import { Recovery } from '../../src/rollouts/recovery.ts';
import { Rollouts } from '../../src/rollouts/registry.ts';
import { VerdictIndex } from '../../src/rollouts/verdict-index.ts';
import { nothingPast } from '../unit/support/nothing-past.ts';
import { Replay } from '../../src/rollouts/replay.ts';
import { openSandboxes } from '../../src/rollouts/sandboxes.ts';
import { DockerEngine } from '../../src/sandbox/docker/docker-engine.ts';
import { TokenBudget } from '../../src/tokens/token-budget.ts';
import { ToolCalls } from '../../src/tools/call.ts';
import { rerunCall } from '../../src/tools/prepared-call.ts';
import type { Configuration, Way } from './call-ways.ts';

const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A journal that stores nothing, to measure the cost of the real one. Only for this benchmark. */
class ForgottenJournal implements Journal {
  readonly skippedLines = 0;
  #offset = 0;

  append(_event: NewEvent): Promise<Position> {
    return Promise.resolve({ file: 'nowhere', offset: this.#offset++, bytes: 0 });
  }
  read(): Promise<JournalEvent> {
    return Promise.reject(new Error('nothing is kept here'));
  }
  async *events(): AsyncIterable<PlacedEvent> {
    // There are none.
  }
  flush(): Promise<void> {
    return Promise.resolve();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** A call from `ToolCalls` down, in this process: arguments, call lock, sandboxd, evidence, judgement; with or without a journal. */
export class Walk implements Way {
  readonly #calls: ToolCalls;
  readonly #end: () => Promise<void>;
  #count = 0;

  private constructor(calls: ToolCalls, end: () => Promise<void>) {
    this.#calls = calls;
    this.#end = end;
  }

  static async open(
    { catalog, policiesDir }: Configuration,
    dataDir: string,
    kind: 'flushed' | 'forgotten',
  ): Promise<Walk> {
    const controllerId = `bench-${randomBytes(4).toString('hex')}`;
    const engine = await DockerEngine.connect({
      controllerId,
      clock,
      log,
      seccompProfiles: seccompProfiles(policiesDir, catalog.policies.values()),
    });
    const journal = kind === 'flushed' ? await FileJournal.open({ dataDir, clock }) : new ForgottenJournal();
    const cap = liveCap(await readHostFacts());
    const { images } = engine;
    const { removals, retries, pool } = openAdmission({ engine, images, clock, log, startsAtOnce: 4, cap });
    const replay = new Replay({ journal, blobs: await Blobs.at(dataDir), rerunCall });
    const recovery = new Recovery({ engine, removals, retries, replay, journal, clock });
    const index =
      journal instanceof FileJournal
        ? VerdictIndex.open({ dataDir, journal, firstStart: true, clock, log })
        : null;
    await index?.catchUp();
    const rollouts = new Rollouts({ catalog, journal, index: index ?? nothingPast, clock });
    const sandboxes = openSandboxes({ supply: pool, removals, engine, recovery, journal, clock });
    const tokens = new TokenBudget({ clock });
    const calls = new ToolCalls({
      rollouts,
      sandboxes,
      journal,
      clock,
      tokens,
      onFinished: () => undefined,
      onReusedId: () => undefined,
    });
    const end = async (): Promise<void> => {
      for (const rollout of rollouts.all()) await sandboxes.ends.endRollout(rollout, 'deleted');
      await removals.idle();
      calls[Symbol.dispose]();
      await tokens[Symbol.asyncDispose]();
      await engine[Symbol.asyncDispose]();
      await index?.[Symbol.asyncDispose]();
      await journal[Symbol.asyncDispose]();
    };
    const way = new Walk(calls, end);
    await way.once();
    return way;
  }

  async once(): Promise<void> {
    const { status, output } = await this.#calls.runCall({
      opening: { id: rolloutId('bench') },
      callId: callId(`call_${String(this.#count++)}`),
      tool: 'shell',
      arguments: { command: 'true' },
    });
    if (status !== 200 || output !== '') throw new Error(`answered with ${String(status)}: ${output}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }
}
