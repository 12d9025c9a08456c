import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { JournalError } from './journal.ts';

/**
 * Keeps a second controller out of a data folder, until the returned lock is disposed of.
 *
 * The kernel holds the lock, by way of SQLite's file locking: it ends with the process, however that ends, so there
 * is no stale lock to judge, and it holds between containers that share the folder, where process ids say nothing.
 * Never open the lock file in another way in this process: closing it would end the lock.
 *
 * @throws JournalError `in_use`
 */
export function lockFolder(folder: string): Disposable {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'controller.lock');
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    throw new JournalError('in_use', `another controller uses ${folder} (it holds ${file})`, {
      cause: error,
    });
  }
  return {
    [Symbol.dispose]() {
      database.close();
    },
  };
}
