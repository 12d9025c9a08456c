import type { EndedRecord } from '../outcome/evidence.ts';
import type { Judged } from '../outcome/attribute.ts';
import { withheldByOthers } from '../outcome/known.ts';

/** Of the time of a command: how long it waited for processors that others than sandboxes had. */
export function starvedByHostMs({ starvedMs, sandboxesUsed }: EndedRecord): number {
  return withheldByOthers(sandboxesUsed) ? starvedMs : 0;
}

/** How much of the time of a command was its own doing: none where no command ran, or where infrastructure ended it. */
export function ownTimeMs({ evidence, outcome }: Judged, durationMs: number): number {
  if (evidence.kind !== 'ended' || outcome.attribution === 'infra') return 0;
  return Math.max(0, durationMs - starvedByHostMs(evidence.record));
}
