import { quote } from './quote.ts';

/** Which part of the journal a report covers. An absent field does not restrict it. */
export interface Scope {
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly job?: string | undefined;
  readonly task?: string | undefined;
  readonly image?: string | undefined;
  readonly step?: number | undefined;
}

/** SQL condition; `time` is the column that `since` and `until` are compared with. */
export function condition(scope: Scope, time: string): string {
  const parts = (['job', 'task', 'image'] as const).flatMap((column) =>
    scope[column] === undefined ? [] : [`${column} = ${quote(scope[column])}`],
  );
  if (scope.step !== undefined) parts.push(`step = ${String(scope.step)}`);
  if (scope.since !== undefined) parts.push(`${time} >= ${quote(instant(scope.since))}::TIMESTAMP`);
  if (scope.until !== undefined) parts.push(`${time} < ${quote(instant(scope.until))}::TIMESTAMP`);
  return parts.length === 0 ? 'true' : parts.join(' AND ');
}

const SPAN = /^(\d+)\s*(m|h|d)$/;
const SPAN_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** An ISO time, or a span back from now such as `2h` or `7d`, as ISO time in UTC. @throws RangeError */
export function instant(text: string, now = Date.now()): string {
  const span = SPAN.exec(text);
  const time =
    span === null ? Date.parse(text) : now - Number(span[1]) * SPAN_MS[span[2] as keyof typeof SPAN_MS];
  if (Number.isNaN(time))
    throw new RangeError(`not a time: "${text}" (expected 2026-07-31T10:00Z, or a span such as 2h)`);
  return new Date(time).toISOString();
}
