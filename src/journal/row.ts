import { createHash } from 'node:crypto';
import { jsonText } from '../kernel/json-text.ts';

/** Fields by which datasets name their rows, in the order of precedence. */
const ID_FIELDS = ['id', 'row_id', 'task_id', 'instance_id', 'index'] as const;
const MAX_LENGTH = 200;

/** A name for a dataset row, the same in every training step: its own id, else a digest of its content. */
export function rowOf(item: unknown): string {
  if (typeof item === 'object' && item !== null) {
    for (const field of ID_FIELDS) {
      const value = (item as Record<string, unknown>)[field];
      if (typeof value === 'number' || (typeof value === 'string' && value !== ''))
        return String(value).slice(0, MAX_LENGTH);
    }
  }
  const digest = createHash('sha256')
    .update(jsonText(item ?? null))
    .digest('hex');
  return `row-${digest.slice(0, 16)}`;
}
