import { inRollout, type InRollout } from '../journal/event.ts';
import type { Journal } from '../journal/journal.ts';
import { rowOf } from '../journal/row.ts';
import type { Clock } from '../kernel/clock.ts';
import { jobId, rolloutKey, type JobId, type RolloutId, type RolloutKey } from '../kernel/ids.ts';
import { isDeeperThan, jsonText, MAX_LEVELS } from '../kernel/json-text.ts';
import { UnreadValue } from '../kernel/unread-value.ts';
import { SingleFlight } from '../kernel/single-flight.ts';
import type { CauseCode } from '../outcome/causes.ts';
import { RULES } from '../outcome/rules.ts';
import { chooseTask } from '../policy/match.ts';
import type { Catalog, Task } from '../policy/schema.ts';
import { verdictOfKept, type KeptVerdict } from './kept-verdict.ts';
import { Rollout } from './rollout.ts';
import { EMPTY_TALLY, judgeTally, tallyWith, type Verdict } from './verdict.ts';
import type { UnknownReason, VerdictIndex } from './verdict-index.ts';

/** What a rollout is known by. */
export interface RolloutName {
  readonly id: RolloutId;
  /** As the request names it; absent: it names none. The same id in another job is another rollout. */
  readonly job?: JobId | undefined;
}

/** What the first request of a rollout says about it. Later ones may repeat it; only another task is refused. */
export interface Opening extends RolloutName {
  readonly task?: string | undefined;
  /** The dataset row; an `UnreadValue` chooses no task. */
  readonly item?: unknown;
}

/** The request names a task that isn't configured, or its dataset row can't choose one: the caller's fault. */
export class UnknownTask extends Error {
  override readonly name = 'UnknownTask';
}

/** The rollout was opened with another task than the request names: the caller's fault. */
export class OtherTask extends Error {
  override readonly name = 'OtherTask';

  constructor({ id, task }: Rollout, asked: string) {
    super(`rollout ${id} has the task "${task.name}", and the request names "${asked}"`);
  }
}

/** The request names no job, and several jobs have a rollout of this id: the caller's fault. */
export class JobNotNamed extends Error {
  override readonly name = 'JobNotNamed';
}

/** A rollout's verdict, wherever it is kept. */
export interface Standing {
  readonly verdict: Verdict;
  /** Why it is unknown; null where it isn't. */
  readonly why: UnknownReason | 'opened_in_doubt' | 'job_not_named' | null;
  /** Null where only the verdict is kept, or nothing. */
  readonly rollout: Rollout | null;
  /** How events name it. */
  readonly ref: InRollout;
  readonly job: string | null;
}

type Index = Pick<VerdictIndex, 'find' | 'jobsOf' | 'status'>;

/** Longest dataset row, as JSON, that is recorded. A longer or too deep row still selects the task. */
const MAX_ITEM_BYTES = 2 ** 20;

function isRecorded(item: unknown): boolean {
  if (item === undefined || item instanceof UnreadValue || isDeeperThan(item, MAX_LEVELS)) return false;
  return Buffer.byteLength(jsonText(item)) <= MAX_ITEM_BYTES;
}

/** How long an ended rollout's calls stay readable here. The index keeps its verdict, the journal everything. */
const KEEP_ENDED_MS = 24 * 3_600_000;

const UNSEEN = judgeTally(EMPTY_TALLY, { end: null, recoveries: 0 });

/** All rollouts of this controller, by job and id. */
export class Rollouts {
  readonly #catalog: Catalog;
  readonly #journal: Journal;
  readonly #index: Index;
  readonly #clock: Clock;
  readonly #byKey = new Map<RolloutKey, Rollout>();
  /** Of the rollouts whose requests name one. */
  readonly #namedJobs = new Map<RolloutId, Set<JobId>>();
  readonly #openings = new SingleFlight<RolloutKey, Rollout>();

  constructor(parts: { catalog: Catalog; journal: Journal; index: Index; clock: Clock }) {
    this.#catalog = parts.catalog;
    this.#journal = parts.journal;
    this.#index = parts.index;
    this.#clock = parts.clock;
  }

  /** Undefined also where it can't be told which one is meant. */
  get(id: RolloutId, namedJob?: JobId): Rollout | undefined {
    const job = this.#jobMeant(id, namedJob);
    return job === 'several' ? undefined : this.#byKey.get(rolloutKey(id, job));
  }

  all(): Iterable<Rollout> {
    return this.#byKey.values();
  }

  /** Of any id, also of one that was never seen, or that was forgotten here. */
  standing(id: RolloutId, namedJob?: JobId): Standing {
    const job = this.#jobMeant(id, namedJob);
    if (job === 'several') return standingWithout({ rollout: id }, 'unknown', 'job_not_named');
    const own = this.#ownStanding(id, job);
    if (own.verdict.verdict !== 'no_tool_call' || job === undefined) return own;
    // The platform may name the job in some requests only: then the rollout without a job is this one, if it is not fine.
    const { verdict } = this.#ownStanding(id, undefined).verdict;
    const isFine = verdict === 'valid' || verdict === 'no_tool_call';
    return isFine ? own : standingWithout(own.ref, 'unknown', 'job_not_named');
  }

  /**
   * The rollout of this id, opened now if it is new. One that was forgotten here never gets a second life: it is ended or
   * lost. @throws UnknownTask, OtherTask, JobNotNamed
   */
  async openRollout(asked: Opening): Promise<Rollout> {
    const job = this.#jobMeant(asked.id, asked.job);
    if (job === 'several')
      throw new JobNotNamed(`several jobs have a rollout ${asked.id}, and the request names none (X-Job-Id)`);
    const opening = { ...asked, job };
    const key = rolloutKey(opening.id, job);
    const rollout = this.#byKey.get(key) ?? (await this.#openings.run(key, () => this.#open(opening)));
    const { task } = opening;
    if (task !== undefined && task !== rollout.task.name && !rollout.hasForgottenCalls)
      throw new OtherTask(rollout, task);
    return rollout;
  }

  /** A request without a job is of the one job that has the id: 0.1.0 read the header of a rollout's first request only. */
  #jobMeant(id: RolloutId, namedJob: JobId | undefined): JobId | undefined | 'several' {
    if (namedJob !== undefined || this.#byKey.has(id)) return namedJob;
    const held = this.#namedJobs.get(id) ?? [];
    const jobs = new Set([...held, ...this.#index.jobsOf(id).map(jobId)]);
    if (jobs.size === 0 || this.#index.find(id).kind === 'kept') return undefined;
    const [only] = jobs;
    return jobs.size === 1 ? only : 'several';
  }

  #ownStanding(id: RolloutId, namedJob: JobId | undefined): Standing {
    const rollout = this.#byKey.get(rolloutKey(id, namedJob));
    if (rollout !== undefined) {
      const { verdict, job, ref } = rollout;
      return { verdict, why: verdict.verdict === 'unknown' ? 'opened_in_doubt' : null, rollout, job, ref };
    }
    const ref = inRollout(id, namedJob);
    const found = this.#index.find(id, namedJob);
    if (found.kind === 'unknown') return standingWithout(ref, 'unknown', found.why);
    if (found.kind === 'never_seen') return standingWithout(ref, 'no_tool_call', null);
    const verdict = verdictOfKept(found.kept);
    const why = verdict.verdict === 'unknown' ? 'opened_in_doubt' : null;
    return { verdict, why, rollout: null, ref, job: found.kept.job };
  }

  async #open(opening: Opening): Promise<Rollout> {
    const found = this.#index.find(opening.id, opening.job);
    if (found.kind === 'kept') return await this.#bringBack(opening, found.kept);
    return await this.#openNew(opening);
  }

  async #openNew(opening: Opening): Promise<Rollout> {
    if (opening.item instanceof UnreadValue && opening.task === undefined)
      throw new UnknownTask(
        `body.item: is ${opening.item.problem}, so it can't choose the task; name a task by ?task= or X-Task`,
      );
    const task = chooseTask(this.#catalog, { task: opening.task, item: opening.item });
    if ('problem' in task) throw new UnknownTask(task.problem);
    const { id, job: namedJob, item } = opening;
    const job = namedJob ?? jobId(task.name);
    const now = this.#clock.now();
    const rollout = new Rollout({
      id,
      namedJob,
      task,
      job,
      openedAt: now,
      unsure: this.#mayHaveLived(task, now),
    });
    const { image, policy } = task;
    await this.#journal.append(
      {
        type: 'rollout_opened',
        ...rollout.ref,
        task: task.name,
        image: image.name,
        policy: policy.name,
        job,
        ...(rollout.unsure && { unsure: true }),
        ...(isRecorded(item) && { item }),
        ...(item !== undefined && !(item instanceof UnreadValue) && { row: rowOf(item) }),
      },
      { durable: false },
    );
    this.add(rollout);
    return rollout;
  }

  /**
   * Records are missing, and a rollout among them could still have been going on: it may be this one. After the longest
   * life of a rollout of this task none of them can.
   */
  #mayHaveLived(task: Task, now: number): boolean {
    const { complete, gap } = this.#index.status;
    if (complete) return false;
    return gap === null || now - gap.since < task.policy.times.rollout_life;
  }

  /** Only its verdict is left. It takes no call any more; each is answered by how it ended, and counted. */
  async #bringBack({ id, job: namedJob }: Opening, kept: KeptVerdict): Promise<Rollout> {
    const { tally, open, recoveries } = kept;
    const configured = this.#catalog.tasks.get(kept.task);
    const rollout = new Rollout({
      ...{ id, namedJob, task: configured ?? this.#catalog.defaultTask, openedAt: kept.openedAt },
      job: namedJob ?? jobId(kept.job === '' ? kept.task || 'unknown' : kept.job),
      unsure: kept.doubtful,
      earlier: { tally: tallyWith(tally, Object.values(open)), recoveries },
    });
    if (kept.loss !== null) rollout.markLost(kept.loss);
    if (kept.end !== null) rollout.markEnded(kept.end);
    if (rollout.state === 'opened')
      await this.#markLost(rollout, configured === undefined ? 'task_removed' : 'blind');
    rollout.lastActivityAt = this.#clock.now();
    this.add(rollout);
    return rollout;
  }

  async #markLost(rollout: Rollout, cause: CauseCode): Promise<void> {
    rollout.markLost(cause);
    const evidence = { kind: 'lost_before', cause } as const;
    await this.#journal.append(
      { type: 'rollout_lost', ...rollout.ref, cause, evidence, rules: RULES },
      { durable: true },
    );
  }

  /** Takes in a rollout that was restored from the journal. */
  add(rollout: Rollout): void {
    this.#byKey.set(rollout.key, rollout);
    const { id, ref } = rollout;
    if (ref.namedJob === undefined) return;
    this.#namedJobs.set(id, (this.#namedJobs.get(id) ?? new Set()).add(jobId(ref.namedJob)));
  }

  /** Drops what ended long ago. */
  forgetOld(): void {
    const horizon = this.#clock.now() - KEEP_ENDED_MS;
    for (const rollout of this.#byKey.values())
      if (rollout.state === 'ended' && rollout.lastActivityAt < horizon) {
        this.#byKey.delete(rollout.key);
        this.#namedJobs.delete(rollout.id); // The index still has its job, and those of the others.
      }
  }
}

function standingWithout(
  ref: InRollout,
  verdict: 'unknown' | 'no_tool_call',
  why: Standing['why'],
): Standing {
  return { verdict: { ...UNSEEN, verdict }, why, rollout: null, ref, job: ref.namedJob ?? null };
}
