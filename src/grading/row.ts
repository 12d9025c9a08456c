import { createHash } from 'node:crypto';

/** Fields that datasets name their rows by, in the order in which they are looked for. */
const ID_FIELDS = ['id', 'row_id', 'task_id', 'instance_id', 'index'] as const;
const MAX_LENGTH = 200;

/** A name for a dataset row that is the same in every step: its own id, else a digest of its content. */
export function rowOf(item: unknown): string {
  if (typeof item === 'object' && item !== null) {
    for (const field of ID_FIELDS) {
      const value = (item as Record<string, unknown>)[field];
      if (typeof value === 'number' || (typeof value === 'string' && value !== ''))
        return String(value).slice(0, MAX_LENGTH);
    }
  }
  const digest = createHash('sha256')
    .update(JSON.stringify(item ?? null))
    .digest('hex');
  return `row-${digest.slice(0, 16)}`;
}
