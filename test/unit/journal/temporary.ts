import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NewEvent } from '../../../src/journal/event.ts';

/** A folder of one's own, gone with its scope. */
export function temporaryFolder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'faultline-journal-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A small event that carries a number, and text of any length. */
export const note = (number: number, message = ''): NewEvent => ({
  type: 'attempt_failed',
  rollout: `r${String(number)}`,
  call: null,
  step: 'sandbox_start',
  code: 'engine_down',
  message,
});
