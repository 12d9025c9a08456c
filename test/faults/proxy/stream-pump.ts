import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EngineRequest } from './routes.ts';
import type { FrameSpy } from './frame-spy.ts';
import type { RuleSet } from './rule-set.ts';
import type { StreamOperation } from './rule.ts';

/** After these the direction carries nothing any more. */
const ENDING: ReadonlySet<StreamOperation> = new Set(['half_close', 'cut_before', 'cut_after', 'truncate']);

export interface Direction extends EngineRequest {
  readonly toward: 'sandboxd' | 'controller';
  readonly source: Readable;
  readonly sink: Writable;
  /** Null where no frames are to be told apart. */
  readonly spy: FrameSpy | null;
  /** Closes both directions at once. */
  readonly cut: () => void;
}

/** Carries one direction, piece by piece and in order, as the rules have it. Never rejects: a broken end cuts. */
export async function pump(direction: Direction, rules: RuleSet): Promise<void> {
  const { source, sink, cut } = direction;
  try {
    for await (const piece of source.iterator({ destroyOnReturn: false })) {
      if (!(await carry(direction, rules, piece as Buffer))) return;
    }
    sink.end();
  } catch {
    cut(); // Either end broke: so does the other, as without a proxy.
  }
}

/** Whether the direction goes on. */
async function carry(direction: Direction, rules: RuleSet, piece: Buffer): Promise<boolean> {
  const { route, container, toward, sink, spy, cut } = direction;
  const operation = rules.ofPiece({ route, container, toward, frames: spy?.push(piece) ?? [] });
  const lifted = rules.lifted;
  if (operation === 'stall') await lifted;
  else if (typeof operation === 'object' && operation !== null) await sleep(operation.delay);
  for (const part of altered(piece, operation)) await write(sink, part);
  if (operation === 'half_close') sink.end();
  // What was written goes out first.
  if (operation === 'cut_before' || operation === 'cut_after' || operation === 'truncate') sink.end(cut);
  return typeof operation !== 'string' || !ENDING.has(operation);
}

/** @throws Error where the other end is gone. */
async function write(sink: Writable, part: Buffer): Promise<void> {
  if (sink.destroyed) throw new Error('the other end is gone');
  if (!sink.write(part)) await Promise.race([once(sink, 'drain'), once(sink, 'close')]);
}

function altered(piece: Buffer, operation: StreamOperation | null): readonly Buffer[] {
  switch (operation) {
    case 'cut_before':
    case 'half_close':
      return [];
    case 'truncate':
      return [piece.subarray(0, piece.length >> 1)];
    case 'duplicate':
      return [piece, piece];
    case 'corrupt':
      return [flipped(piece)];
    default:
      return [piece];
  }
}

function flipped(piece: Buffer): Buffer {
  const copy = Buffer.from(piece);
  const middle = copy.length >> 1;
  copy[middle] = (copy[middle] ?? 0) ^ 1;
  return copy;
}
