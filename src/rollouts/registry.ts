import type { Journal } from '../journal/journal.ts';
import { rowOf } from '../journal/row.ts';
import type { Clock } from '../kernel/clock.ts';
import { jobId, type JobId, type RolloutId } from '../kernel/ids.ts';
import { isDeeperThan } from '../kernel/json-text.ts';
import { SingleFlight } from '../kernel/single-flight.ts';
import { chooseTask } from '../policy/match.ts';
import type { Catalog } from '../policy/schema.ts';
import { Rollout } from './rollout.ts';

/** What the first request of a rollout says about it. Later requests may repeat it; it is not looked at again. */
export interface Opening {
  readonly id: RolloutId;
  readonly task?: string | undefined;
  readonly item?: unknown;
  readonly job?: JobId | undefined;
}

/** The request names a task that isn't configured: the caller's fault. */
export class UnknownTask extends Error {
  override readonly name = 'UnknownTask';
}

/** Levels of lists and objects in a dataset row. A deeper row still selects the task, and is not recorded. */
const MAX_ITEM_LEVELS = 200;

const isRecorded = (item: unknown): boolean => item !== undefined && !isDeeperThan(item, MAX_ITEM_LEVELS);

/** How long an ended rollout's calls and verdict stay readable here; the journal keeps them for good. */
const KEEP_ENDED_MS = 24 * 3_600_000;

/** All rollouts of this controller, by id. */
export class Rollouts {
  readonly #catalog: Catalog;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #byId = new Map<RolloutId, Rollout>();
  readonly #openings = new SingleFlight<RolloutId, Rollout>();

  constructor(parts: { catalog: Catalog; journal: Journal; clock: Clock }) {
    this.#catalog = parts.catalog;
    this.#journal = parts.journal;
    this.#clock = parts.clock;
  }

  get(id: RolloutId): Rollout | undefined {
    return this.#byId.get(id);
  }

  all(): Iterable<Rollout> {
    return this.#byId.values();
  }

  /** The rollout of this id, opened now if it is new. @throws UnknownTask */
  async openRollout(opening: Opening): Promise<Rollout> {
    return this.#byId.get(opening.id) ?? (await this.#openings.run(opening.id, () => this.#openNew(opening)));
  }

  async #openNew(opening: Opening): Promise<Rollout> {
    const task = chooseTask(this.#catalog, { task: opening.task, item: opening.item });
    if ('problem' in task) throw new UnknownTask(task.problem);
    const job = opening.job ?? jobId(task.name);
    const rollout = new Rollout({ id: opening.id, task, job, openedAt: this.#clock.now() });
    const { image, policy } = task;
    await this.#journal.append(
      {
        type: 'rollout_opened',
        rollout: rollout.id,
        task: task.name,
        image: image.name,
        policy: policy.name,
        job,
        ...(isRecorded(opening.item) && { item: opening.item }),
        ...(opening.item !== undefined && { row: rowOf(opening.item) }),
      },
      { durable: false },
    );
    this.add(rollout);
    return rollout;
  }

  /** Takes in a rollout that was restored from the journal. */
  add(rollout: Rollout): void {
    this.#byId.set(rollout.id, rollout);
  }

  /** Drops what ended long ago. */
  forgetOld(): void {
    const horizon = this.#clock.now() - KEEP_ENDED_MS;
    for (const rollout of this.#byId.values())
      if (rollout.state === 'ended' && rollout.lastActivityAt < horizon) this.#byId.delete(rollout.id);
  }
}
