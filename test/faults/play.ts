import type { CallKind, FaultCase } from './case-schema.ts';
import { look, together, type Found } from './look.ts';
import { GOOD } from './member.ts';
import { Stage } from './stage.ts';
import { playStep } from './steps.ts';
import { until } from './until.ts';
import type { World } from './world.ts';

/** A sweeper's pause is up to a minute. */
const GONE_MS = 90_000;

/** A case passed where it has no problems. */
export interface CaseResult extends Found {
  readonly name: string;
  readonly recoveriesMs: readonly number[];
  readonly durationMs: number;
}

/** Plays the steps of a case, then looks at everything that it left. */
export async function playCase(
  world: World,
  fault: FaultCase,
  calls: Readonly<Record<string, CallKind>>,
): Promise<CaseResult> {
  const began = performance.now();
  const stage = new Stage(world, fault, calls);
  const { recoveriesMs } = stage;
  world.truth.note('case', { name: fault.name });
  for (const step of fault.steps) await playStep(stage, step);
  await playStep(stage, { do: 'lift' });
  await Promise.all(stage.sent.values());
  // A sandbox that is gone for good still is when the last call comes.
  if (!fault.takes_sandbox) stage.endAll();
  const closing = stage.members.filter((member) => member.isGood && !member.deleted);
  await Promise.all(closing.map((member) => member.call(`${member.rollout}.closing`, GOOD)));
  stage.endAll();
  const found = await lookAtAll(stage, fault);
  const problems = [
    ...found.problems,
    ...(await Promise.all(stage.acts.map(actProblem))).filter((problem) => problem !== null),
    ...stage.idleRules.map((rule) => `never worked on anything: ${rule}`),
    ...slow(stage, fault),
    ...(await leftovers(stage)),
  ];
  return { ...found, name: fault.name, recoveriesMs, durationMs: performance.now() - began, problems };
}

async function lookAtAll(stage: Stage, fault: FaultCase): Promise<Found> {
  const refused = new Set(stage.acts.filter(({ act }) => act === 'other').map(({ rollout }) => rollout));
  const found = stage.played.map((member) => look(stage.world, member, fault, refused.has(member.rollout)));
  return together(await Promise.all(found));
}

/** A repeated call joins the first and gets its bytes; with other arguments it is refused. */
async function actProblem({ act, first, answer, rollout }: Stage['acts'][number]): Promise<string | null> {
  const got = await answer;
  if (act === 'other')
    return got.status === 422 ? null : `${rollout}: other arguments were answered ${String(got.status)}`;
  return got.body === (await first).body ? null : `${rollout}: the repeated call got another answer`;
}

/** Deletes what the case opened. Containers must go with it. */
async function leftovers({ world, played }: Stage): Promise<string[]> {
  await Promise.all(played.map((member) => member.delete()));
  const claimed = new Set(world.claims(new Set(played.map(({ rollout }) => rollout))));
  const left = async (): Promise<number> => {
    const listed = await world.engine.docker('ps', '-aq', '--no-trunc');
    return listed.split('\n').filter((id) => claimed.has(id)).length;
  };
  try {
    await until('all containers are removed', GONE_MS, async () => (await left()) === 0);
    return [];
  } catch {
    return [`${String(await left())} containers were left`];
  }
}

function slow({ recoveriesMs }: Stage, { recovers_within: limit }: FaultCase): string[] {
  const late = recoveriesMs.filter((ms) => limit !== undefined && ms > limit);
  return late.map((ms) => `recovered after ${ms.toFixed(0)} ms`);
}
