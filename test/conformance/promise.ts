import { Deadline } from '../../src/kernel/deadline.ts';
import type { Subject } from './subject.ts';

/** One thing that every engine promises, and how it is seen from outside. */
export interface EnginePromise {
  readonly id: string;
  readonly sentence: string;
  /** Rejects where the promise is broken. */
  readonly check: (subject: Subject) => Promise<void>;
}

/** What broke, or null where the promise is kept. Never rejects; takes no longer than the subject's patience. */
export async function breach({ check }: EnginePromise, subject: Subject): Promise<Error | null> {
  const deadline = Deadline.after(subject.clock, 'command', subject.patienceMs);
  try {
    await deadline.race(check(subject));
    return null;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
