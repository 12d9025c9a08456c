import { Ledger, type Row } from './ledger.ts';
import { quote } from './quote.ts';

/** What the journal has of one rollout. */
export interface Story {
  readonly rollout: Row;
  readonly calls: readonly Row[];
  readonly attempts: readonly Row[];
  readonly gradings: readonly Row[];
}

/** Why there is no story, in the codes of the server's errors. */
export type StoryProblem = 'unknown_rollout' | 'job_not_named';

/** Columns that depend on all rollouts of the job. Only the files of this rollout are read here; `rollout` has the columns. */
const ELSEWHERE = 'job, task, image, step';

/** Several jobs have a rollout of the id, and none of them was named. */
interface SeveralJobs {
  readonly jobs: readonly string[];
}

/**
 * `job`: of the rollout that is meant, where several have the id. Null if the journal has no such rollout.
 * @throws ENOENT if the data folder has no journal.
 */
export async function storyOf(
  dataDir: string,
  id: string,
  job?: string,
): Promise<Story | SeveralJobs | null> {
  const all = `rollout = ${quote(id)}`;
  using light = await Ledger.open(dataDir, 'light');
  const found = await light.rows<Row & { job: string }>(`SELECT * FROM rollouts WHERE ${all} ORDER BY job`);
  const [rollout, ...others] = job === undefined ? found : found.filter((one) => one.job === job);
  if (rollout === undefined) return null;
  if (others.length > 0) return { jobs: found.map((one) => one.job) };
  const where = `WHERE ${all}${found.length > 1 ? ` AND job = ${quote(rollout.job)}` : ''}`;
  const files = await light.rows<{ file: string }>(`SELECT DISTINCT file FROM events WHERE ${all}`);
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
