import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { JournalError } from './journal.ts';

/**
 * Prevents a second controller from using a data folder until the returned lock is disposed.
 *
 * The kernel holds the lock through SQLite's file locking. It ends with the process, in whatever way that ends, so there
 * are no stale locks. It also works between containers that share the folder, where process ids have no meaning.
 * Never open the lock file by other means in this process: closing it would release the lock.
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
