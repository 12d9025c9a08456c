import { FileJournal } from '../journal/file-journal.ts';
import type { NewEvent } from '../journal/event.ts';
import { systemClock } from '../kernel/clock.ts';
import { RULES } from '../outcome/rules.ts';
import type { Difference } from './difference.ts';
import { JournalFolder } from './journal-folder.ts';
import { Rejudge, type RejudgeTally } from './rejudge.ts';

export interface Rejudged extends RejudgeTally {
  /** The number of the rules of now. */
  readonly rules: number;
  readonly rollouts: ReturnType<Rejudge['verdicts']>;
  readonly unreadable: number;
  /** Outcomes that were replaced; 0 without `write`. */
  readonly written: number;
}

export interface RejudgeOptions {
  readonly onDifference: (difference: Difference) => void;
  /** Appends an event for each outcome that differs. The server must not run. */
  readonly write?: boolean;
}

/**
 * Judges the journal of a data folder again, with memory that does not depend on its length.
 *
 * @throws ENOENT without a journal; JournalError `in_use` if it is to write and a server runs.
 */
export async function rejudgeFolder(dataDir: string, options: RejudgeOptions): Promise<Rejudged> {
  const journal = await JournalFolder.open(dataDir);
  await using output = options.write === true ? await Corrections.open(dataDir) : null;
  using rejudge = new Rejudge();
  for await (const correction of journal.corrections()) rejudge.correct(correction);
  for await (const event of journal.events()) {
    for (const difference of rejudge.add(event)) {
      options.onDifference(difference);
      await output?.append(difference, event);
    }
  }
  const written = output?.written ?? 0;
  return {
    ...{ rules: RULES, rollouts: rejudge.verdicts(), unreadable: journal.unreadable, written },
    ...rejudge.tally,
  };
}

/** Writes what replaces recorded outcomes, into a new file of the journal. */
class Corrections implements AsyncDisposable {
  readonly #journal: FileJournal;
  written = 0;

  private constructor(journal: FileJournal) {
    this.#journal = journal;
  }

  static async open(dataDir: string): Promise<Corrections> {
    return new Corrections(await FileJournal.open({ dataDir, clock: systemClock }));
  }

  /** A verdict is not replaced: it follows from the outcomes, and what was said stays as it was said. */
  async append(difference: Difference, was: object): Promise<void> {
    const { outcome, rules, rollout, namedJob, call } = difference;
    if (outcome === null || rules === null) return;
    const { outcome: before, cause = before?.cause } = was as Partial<{
      outcome: typeof outcome;
      cause: typeof outcome.cause;
    }>;
    if (cause === undefined) return;
    const event: NewEvent = { type: 'rejudged', rollout, call, outcome, was: { cause, rules }, rules: RULES };
    await this.#journal.append({ ...event, ...(namedJob !== null && { namedJob }) }, { durable: false });
    this.written += 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#journal.flush();
    await this.#journal[Symbol.asyncDispose]();
  }
}
