import type { z } from 'zod';
import type { rolloutViewSchema } from '../../src/http/schemas.ts';
import type { CauseCode } from '../../src/outcome/causes.ts';
import { judge, type Expectation, type Judgement } from './judge.ts';
import type { Member, SentCall } from './member.ts';
import type { World } from './world.ts';

const ASK_MS = 60_000;

type View = z.output<typeof rolloutViewSchema>;

/** Executions and results. */
export interface Counts {
  /** Commands whose marks could be counted in a sandbox that was there at the end. */
  readonly counted: number;
  readonly duplicates: number;
  /** Answers given whose command has left no mark, or whose stored answer is another. */
  readonly lost: number;
  /** Answers that were asked for again and compared. */
  readonly compared: number;
}

/** What a rollout, or several, came to. */
export interface Found {
  readonly judgements: readonly Judgement[];
  readonly counts: Counts;
  /** What is not as it should be, in words. */
  readonly problems: readonly string[];
}

/** Compares everything that the server says of a rollout with what was done to it. @param refused By the client's fault. */
export async function look(
  world: World,
  member: Member,
  expected: Expectation,
  refused: boolean,
): Promise<Found> {
  const view = await viewOf(world, member);
  const judgements = member.calls.map((sent) => {
    const hit = world.truth.exposed(
      member.rollout,
      expected.takes_sandbox ? member.damagedFrom(sent) : sent.fromMs,
      sent.untilMs,
    );
    return judge(sent, { hit, cause: causeOf(view, sent) }, expected);
  });
  const untouched = member.isGood && judgements.every(({ verdict }) => verdict === 'ok');
  const wanted = refused ? 'exclude' : 'valid';
  const wrong = judgements.filter(({ right }) => !right).map(sentence);
  const verdict = `${member.rollout}: verdict ${view.verdict}, should be ${wanted}`;
  return {
    judgements,
    counts: await countMarks(member, judgements),
    problems: untouched && view.verdict !== wanted ? [...wrong, verdict] : wrong,
  };
}

/** Of several rollouts, together. */
export function together(found: readonly Found[]): Found {
  const sum = (field: keyof Counts): number => found.reduce((total, { counts }) => total + counts[field], 0);
  const [duplicates, lost] = [sum('duplicates'), sum('lost')];
  return {
    judgements: found.flatMap(({ judgements }) => judgements),
    counts: { counted: sum('counted'), duplicates, lost, compared: sum('compared') },
    problems: [
      ...found.flatMap(({ problems }) => problems),
      ...(duplicates > 0 ? [`${String(duplicates)} commands ran twice`] : []),
      ...(lost > 0 ? [`${String(lost)} results lost`] : []),
    ],
  };
}

function sentence({ call, truth, verdict, cause }: Judgement): string {
  return `${call}: truth ${truth}, verdict ${verdict} (${String(cause)})`;
}

async function viewOf({ platform }: World, { rollout }: Member): Promise<View> {
  const { status, body } = await platform.ask({ method: 'GET', path: `/v1/rollouts/${rollout}` }, ASK_MS);
  if (status !== 200) throw new Error(`rollout ${rollout}: ${String(status)} ${body}`);
  return JSON.parse(body) as View;
}

/** A request that never became a call stands in the verdict's reasons alone. */
function causeOf(view: View, { id, kind }: SentCall): CauseCode | null {
  const call = view.calls.find(({ call_id: known }) => known === id);
  if (call !== undefined) return call.cause;
  return view.reasons.find((reason) => kind.own.includes(reason)) ?? null;
}

/** Counts what good calls left in the sandbox, and asks for each answer once more. */
async function countMarks(member: Member, judgements: readonly Judgement[]): Promise<Counts> {
  const marks = await member.marks();
  const good = member.calls.filter(({ kind }) => kind.output !== undefined);
  const answered = good.filter(({ answer }) => answer?.status === 200);
  const completed = new Set(judgements.filter(({ cause }) => cause === 'completed').map(({ call }) => call));
  const unmarked = answered.filter(({ id }) => marks !== null && completed.has(id) && !marks.has(id));
  const again = await Promise.all(
    answered.map(async (sent) => ({ sent, answer: await member.repeat(sent) })),
  );
  const changed = again.filter(
    ({ sent, answer }) => !answer.fromJournal || answer.body !== sent.answer?.body,
  );
  return {
    counted: marks === null ? 0 : good.length,
    duplicates: good.filter(({ id }) => (marks?.get(id) ?? 0) > 1).length,
    lost: unmarked.length + changed.length,
    compared: again.length,
  };
}
