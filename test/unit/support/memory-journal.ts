import type { EventOf, EventType, JournalEvent, NewEvent } from '../../../src/journal/event.ts';
import type { Journal, Position } from '../../../src/journal/journal.ts';

/** Keeps events in memory; the tests look at what was recorded. */
export class MemoryJournal {
  readonly events: JournalEvent[] = [];

  /** Itself, as the contract. */
  get journal(): Journal {
    return this as unknown as Journal;
  }

  append(event: NewEvent): Promise<Position> {
    this.events.push({ ...event, at: '2026-01-01T00:00:00.000Z' });
    return Promise.resolve({ file: 'memory', offset: this.events.length - 1, bytes: 1 });
  }

  read({ offset }: Position): Promise<JournalEvent> {
    const event = this.events[offset];
    return event === undefined ? Promise.reject(new Error('no such event')) : Promise.resolve(event);
  }

  of<Type extends EventType>(type: Type): EventOf<Type>[] {
    return this.events.filter((event): event is EventOf<Type> => event.type === type);
  }
}
