import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileJournal } from '../../../src/journal/file-journal.ts';
import { callId, jobId, rolloutId } from '../../../src/kernel/ids.ts';
import { judge } from '../../../src/outcome/attribute.ts';
import { causes, type CauseCode } from '../../../src/outcome/causes.ts';
import { loadCatalog } from '../../../src/policy/load.ts';
import type { Catalog } from '../../../src/policy/schema.ts';
import { Rollouts } from '../../../src/rollouts/registry.ts';
import { restore, type RestoreParts } from '../../../src/rollouts/restore.ts';
import type { EndReason, Rollout } from '../../../src/rollouts/rollout.ts';
import { indexFile, VerdictIndex } from '../../../src/rollouts/verdict-index.ts';
import { VerdictStore } from '../../../src/rollouts/verdict-store.ts';
import { FakeEngine } from '../support/fake-engine.ts';
import { ManualClock } from '../support/manual-clock.ts';

const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
const shipped = loadCatalog({
  policiesDir: 'policies',
  imagesDir: 'images',
  taskFile: 'policies/tasks.yaml',
});

function catalogWith(taskIsRenamed: boolean): Catalog {
  if (!taskIsRenamed) return shipped;
  const task = { ...shipped.defaultTask, name: 'renamed' as never };
  return { ...shipped, defaultTask: task, tasks: new Map([[task.name, task]]) };
}

/** Small files, so that a history has several and some can be removed. */
const ROTATE_BYTES = 1_500;

/**
 * A controller's records: journal, index and registry on a data folder, without sandboxes. It may be killed at any moment: the
 * next life starts on a copy of the folder as it is at that moment, with nothing flushed or closed.
 */
export class Life {
  readonly clock: ManualClock;
  readonly dataDir: string;
  readonly journal: FileJournal;
  readonly index: VerdictIndex;
  readonly rollouts: Rollouts;
  /** Calls that were interrupted by the last kill, by rollout id. */
  interrupted: Awaited<ReturnType<typeof restore>> = [];

  private constructor(parts: Pick<Life, 'clock' | 'dataDir' | 'journal' | 'index' | 'rollouts'>) {
    Object.assign(this, parts);
    ({ clock: this.clock, dataDir: this.dataDir, journal: this.journal } = parts);
    ({ index: this.index, rollouts: this.rollouts } = parts);
  }

  static async first(): Promise<Life> {
    return await Life.#on(mkdtempSync(join(tmpdir(), 'faultline-history-')), true, false, new ManualClock());
  }

  static async #on(
    dataDir: string,
    firstStart: boolean,
    renamed: boolean,
    clock: ManualClock,
  ): Promise<Life> {
    const journal = await FileJournal.open({ dataDir, clock, rotateBytes: ROTATE_BYTES });
    const index = VerdictIndex.open({ dataDir, journal, firstStart, clock, log });
    await index.catchUp();
    const catalog = catalogWith(renamed);
    const rollouts = new Rollouts({ catalog, journal, index, clock });
    const life = new Life({ clock, dataDir, journal, index, rollouts });
    const engine = new FakeEngine();
    if (!firstStart)
      life.interrupted = await restore({
        ...{ catalog, journal, index, engine, rollouts, clock, log },
      } as unknown as RestoreParts);
    return life;
  }

  /** `damage` changes the folder between the two lives. */
  async killed(renamed: boolean, damage: (dataDir: string) => void): Promise<Life> {
    const next = mkdtempSync(join(tmpdir(), 'faultline-history-'));
    for (const name of readdirSync(this.dataDir))
      if (name !== 'controller.lock') cpSync(join(this.dataDir, name), join(next, name), { recursive: true });
    await this.end();
    damage(next);
    return await Life.#on(next, false, renamed, this.clock);
  }

  async end(): Promise<void> {
    await this.index[Symbol.asyncDispose]();
    await this.journal[Symbol.asyncDispose]();
    rmSync(this.dataDir, { recursive: true });
  }

  async rollout(id: string, job: string): Promise<Rollout> {
    return await this.rollouts.openRollout({ id: rolloutId(id), job: jobId(job) });
  }

  /** A call that ends with this cause, or as the rollout's end demands. @returns the cause; null where it goes on */
  async call(rollout: Rollout, id: string, wanted: CauseCode | null): Promise<CauseCode | null> {
    const call = rollout.enterCall(callId(id), 'shell', 'f', this.clock.now());
    const over = rollout.overEvidence;
    const cause = over === null ? wanted : judge(over).outcome.cause;
    if (over === null)
      await call.intend(this.journal, { sandbox: 's', number: rollout.nextNumber(), arguments: {} });
    if (cause !== null) await call.finish(this.journal, replyOf(cause));
    return cause;
  }

  async lose(rollout: Rollout, cause: CauseCode): Promise<void> {
    if (rollout.overEvidence !== null) return;
    rollout.markLost(cause);
    const evidence = { kind: 'lost_before', cause } as const;
    await this.journal.append({ type: 'rollout_lost', ...rollout.ref, cause, evidence }, { durable: true });
  }

  async finish(rollout: Rollout, how: EndReason): Promise<void> {
    if (rollout.markEnded({ how })) await rollout.recordEnd(this.journal);
  }

  /** As after a day. */
  forget(): void {
    for (const rollout of this.rollouts.all())
      if (rollout.state === 'ended') rollout.lastActivityAt = -Infinity;
    this.rollouts.forgetOld();
  }
}

export const replyOf = (cause: CauseCode) => {
  const { attribution, status } = causes[cause];
  const evidence = { kind: 'lost_before', cause } as const;
  const outcome = { attribution, cause, executed: 'yes' } as const;
  return { outcome, evidence, status, output: '', result: null, durationMs: 1 };
};

const journalFiles = (dataDir: string): string[] =>
  readdirSync(join(dataDir, 'journal'))
    .sort()
    .map((name) => join(dataDir, 'journal', name));

/** Retention: removes the files that the index has read to their end, except the last of them. */
export function prune(dataDir: string): void {
  using store = VerdictStore.open(indexFile(dataDir));
  const file = store.progress()?.position?.file;
  for (const path of journalFiles(dataDir))
    if (file !== undefined && path < join(dataDir, 'journal', file)) rmSync(path);
}

export function removeIndex(dataDir: string): void {
  for (const end of ['', '-wal', '-shm']) rmSync(indexFile(dataDir) + end, { force: true });
}

/**
 * A disk that lost a file. Never the last one before the index has read of it: nothing anywhere would tell of that file, and
 * that is a stated limit. Returns false where there was none.
 */
export function loseFile(dataDir: string, nth: number): boolean {
  const all = journalFiles(dataDir);
  using store = VerdictStore.open(indexFile(dataDir));
  const read = store.progress()?.position?.file ?? '';
  const files = all.filter((path, at) => at < all.length - 1 || path <= join(dataDir, 'journal', read));
  const lost = files[nth % Math.max(1, files.length)];
  if (lost === undefined) return false;
  rmSync(lost);
  return true;
}
