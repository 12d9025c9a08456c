import { causes, type CauseCode } from '../../src/outcome/causes.ts';
import type { FaultCase } from './case-schema.ts';
import { expectedOutput, type SentCall } from './member.ts';

/** Whose doing an ending was. `blind` and `active`: the two kinds of undetermined. */
export const LABELS = [
  'ok',
  'model',
  'infra',
  'blind',
  'active',
  'task',
  'client',
  'wrong answer',
  'none',
] as const;
export type Label = (typeof LABELS)[number];

/** One call: what was, and what the server says. */
export interface Judgement {
  readonly rollout: string;
  readonly call: string;
  /** What it would have been undisturbed. */
  readonly own: Label;
  /** A fault was in force for its rollout while it was under way. */
  readonly hit: boolean;
  readonly truth: Label;
  readonly verdict: Label;
  readonly cause: CauseCode | null;
  readonly right: boolean;
}

export type Expectation = Pick<FaultCase, 'takes_sandbox' | 'transparent' | 'endings'>;

/** Pure. @param cause What the server's own view of the call says; null where the call has no ending. */
export function judge(
  sent: SentCall,
  observed: { readonly hit: boolean; readonly cause: CauseCode | null },
  expected: Expectation,
): Judgement {
  const { hit, cause } = observed;
  const own = ownLabel(sent);
  const truth = hit && (own === 'ok' || expected.takes_sandbox) ? 'infra' : own;
  const verdict = labelOf(sent, cause);
  const undisturbed = cause !== null && sent.kind.own.includes(cause) && verdict !== 'wrong answer';
  const excused =
    truth === 'infra' &&
    expected.transparent !== 'expected' &&
    cause !== null &&
    expected.endings.includes(cause);
  return {
    rollout: sent.rollout,
    call: sent.id,
    own,
    hit,
    truth,
    verdict,
    cause,
    right: undisturbed || excused,
  };
}

function ownLabel({ kind: { own } }: SentCall): Label {
  const [cause] = own;
  return cause === undefined ? 'none' : attributionOf(cause);
}

function labelOf(sent: SentCall, cause: CauseCode | null): Label {
  if (cause === null) return 'none';
  const expected = expectedOutput(sent);
  if (cause === 'completed' && expected !== null && sent.answer?.output !== expected) return 'wrong answer';
  return attributionOf(cause);
}

function attributionOf(cause: CauseCode): Label {
  const { attribution, excludes } = causes[cause];
  if (attribution !== 'undetermined') return attribution;
  return excludes ? 'blind' : 'active';
}
