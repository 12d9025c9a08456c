import type { EventOf, EventType } from '../journal/event.ts';
import type { Journal, Position } from '../journal/journal.ts';

/** The event of this type at this position. @throws JournalError; an Error where another one stands there, a bug of ours. */
export async function recordedEvent<Type extends EventType>(
  journal: Pick<Journal, 'read'>,
  position: Position,
  type: Type,
): Promise<EventOf<Type>> {
  const event = await journal.read(position);
  if (event.type !== type) throw new Error(`journal holds a ${event.type} where a ${type} should be`);
  return event as EventOf<Type>;
}
