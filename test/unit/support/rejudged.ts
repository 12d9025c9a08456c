import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { rejudgeFolder } from '../../../src/rejudge/rejudge-folder.ts';

/**
 * Judges again what a server of a test has left in its data folder. Every outcome and verdict has to be derivable from what
 * is recorded. Resolves with an error that says what is not, for whoever is to throw it after cleaning up; null if all is.
 */
export async function rejudgedOtherwise(dataDir: string): Promise<Error | null> {
  if (!existsSync(join(dataDir, 'journal'))) return null;
  const told: string[] = [];
  await rejudgeFolder(dataDir, {
    onDifference: ({ of, rollout, call, recorded, derived, why }) =>
      told.push(
        `${of} of ${rollout} ${call ?? ''}: ${recorded} is recorded, ${derived ?? 'nothing'} derived. ${why}`,
      ),
  });
  return told.length === 0 ? null : new Error(`faultline rejudge finds differences:\n${told.join('\n')}`);
}
