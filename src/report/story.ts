import type { Ledger, Row } from './ledger.ts';
import { quote } from './quote.ts';

/** One rollout as the journal tells it. */
export interface Story {
  readonly rollout: Row;
  readonly calls: readonly Row[];
  readonly attempts: readonly Row[];
  readonly gradings: readonly Row[];
}

/** Null where the journal doesn't know the rollout. */
export async function storyOf(ledger: Ledger, id: string): Promise<Story | null> {
  const where = `WHERE rollout = ${quote(id)}`;
  const [rollout] = await ledger.rows(`SELECT * FROM rollouts ${where}`);
  if (rollout === undefined) return null;
  return {
    rollout,
    calls: await ledger.rows(`SELECT * FROM calls ${where} ORDER BY began_at NULLS LAST, ended_at`),
    attempts: await ledger.rows(`SELECT * FROM attempts ${where} ORDER BY "at"`),
    gradings: await ledger.rows(`SELECT * FROM gradings ${where} ORDER BY "at"`),
  };
}
