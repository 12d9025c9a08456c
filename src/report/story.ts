import { Ledger, type Row } from './ledger.ts';
import { quote } from './quote.ts';

/** What the journal has of one rollout. */
export interface Story {
  readonly rollout: Row;
  readonly calls: readonly Row[];
  readonly attempts: readonly Row[];
  readonly gradings: readonly Row[];
}

/** Columns that depend on all rollouts of the job. Only the files of this rollout are read here; `rollout` has the columns. */
const ELSEWHERE = 'job, task, image, step';

/** Null if the journal has no such rollout. @throws ENOENT if the data folder has no journal. */
export async function storyOf(dataDir: string, id: string): Promise<Story | null> {
  const where = `WHERE rollout = ${quote(id)}`;
  using all = await Ledger.open(dataDir, 'light');
  const [rollout] = await all.rows(`SELECT * FROM rollouts ${where}`);
  if (rollout === undefined) return null;
  const files = await all.rows<{ file: string }>(`SELECT DISTINCT file FROM events ${where}`);
  using whole = await Ledger.open(dataDir, 'whole', new Set(files.map(({ file }) => file)));
  return {
    rollout,
    calls: await whole.rows(
      `SELECT * EXCLUDE (${ELSEWHERE}, policy, row, since_step_s) FROM calls ${where} ORDER BY began_at NULLS LAST, ended_at`,
    ),
    attempts: await whole.rows(`SELECT * EXCLUDE (${ELSEWHERE}) FROM attempts ${where} ORDER BY "at"`),
    gradings: await whole.rows(`SELECT * EXCLUDE (${ELSEWHERE}) FROM gradings ${where} ORDER BY "at"`),
  };
}
