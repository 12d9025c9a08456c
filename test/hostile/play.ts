import { setTimeout as pause } from 'node:timers/promises';
import { causes, type CauseCode } from '../../src/outcome/causes.ts';
import type { Evidence } from '../../src/outcome/evidence.ts';
import type { EventOf } from '../../src/journal/event.ts';
import type { ToolReply } from '../docker/support/server.ts';
import { leftOf, stillWell } from './aftermath.ts';
import type { Arena, Ground } from './arena.ts';
import type { Expectation, HostileCall, HostileCase } from './case.ts';

/** One case, played once. */
export interface Played {
  readonly id: string;
  readonly ground: Ground;
  /** Of every call, in order. */
  readonly causes: readonly CauseCode[];
  /** What was not as the case says; empty: passed. */
  readonly problems: readonly string[];
  readonly durationMs: number;
}

interface Sent {
  readonly callId: string;
  readonly reply: ToolReply;
  readonly tookMs: number;
  readonly expected: Expectation;
}

const PAUSE_BETWEEN_TRIES_MS = 200;
const ANSWER = { shell: 'echo $((6*7))', sees: /^42\n$/ };
/** What the counters of sandboxd's evidence are called. */
type Counter = 'oomKills' | 'pidsLimitHits';

/** Plays a case in a rollout of its own and holds it to what it says, and to what holds after every case. */
export async function play(arena: Arena, item: HostileCase, ground: Ground, run: string): Promise<Played> {
  const began = performance.now();
  const rollout = `${item.id}-${ground.policy}-${ground.runtime}-${run}`;
  await arena.rollout(rollout, ground, item.limits);
  const sent: Sent[] = [];
  for (const call of [...item.calls, ...callAfter(item)])
    sent.push(...(await send(arena, rollout, call, ground, sent.length)));
  const endings = arena.finished(rollout);
  const problems = sent.flatMap((one) => judge(one, endings.get(one.callId)));
  problems.push(...(await verdictProblems(arena, rollout, item)));
  const containers = arena.world.claims(rollout);
  await arena.server.request('DELETE', `/v1/rollouts/${rollout}`);
  problems.push(...(await stillWell(arena, ground)), ...(await leftOf(containers)));
  return {
    id: item.id,
    ground,
    causes: sent.flatMap(({ callId }) => endings.get(callId)?.outcome.cause ?? []),
    problems,
    durationMs: Math.round(performance.now() - began),
  };
}

function callAfter(item: HostileCase): HostileCall[] {
  const { then } = item;
  const sees = then === 'answers' ? ANSWER.sees : then === 'dead' ? undefined : then.sees;
  const said = typeof then === 'object' ? then.cause : undefined;
  const usual: CauseCode[] =
    then === 'dead' ? ['sandbox_broken', 'sandbox_died'] : ['completed', 'shell_removed'];
  return [{ shell: ANSWER.shell, tries: 1, under: {}, cause: said ?? usual, ...(sees && { sees }) }];
}

async function send(
  arena: Arena,
  rollout: string,
  call: HostileCall,
  ground: Ground,
  position: number,
): Promise<Sent[]> {
  const expected = { ...call, ...call.under[ground.policy], ...call.under[ground.runtime] };
  const { tool, args } = toolOf(call);
  const sent: Sent[] = [];
  for (let attempt = 1; attempt <= call.tries; attempt += 1) {
    const callId = `call-${String(position + attempt)}`;
    const began = performance.now();
    const reply = await arena.server.tool(tool, rollout, callId, args);
    const tookMs = performance.now() - began;
    const last = attempt === call.tries || (expected.sees?.test(reply.output ?? '') ?? true);
    const meanwhile: Expectation = call.meanwhile === undefined ? {} : { cause: call.meanwhile };
    sent.push({ callId, reply, tookMs, expected: last ? expected : meanwhile });
    if (last) break;
    await pause(PAUSE_BETWEEN_TRIES_MS);
  }
  return sent;
}

function toolOf({ shell, python, tool, arguments: given, timeout_ms }: HostileCall) {
  const limit = timeout_ms === undefined ? {} : { timeout_ms };
  if (shell !== undefined) return { tool: 'shell', args: { command: shell, ...limit } };
  if (python !== undefined) return { tool: 'python', args: { code: python, ...limit } };
  if (tool === undefined) throw new Error('a call names no tool');
  return { tool, args: given ?? {} };
}

/** What is not as it should be of one call. */
function judge(
  { callId, reply, tookMs, expected }: Sent,
  ending: EventOf<'call_finished'> | undefined,
): string[] {
  const text = reply.output ?? '';
  const shown = JSON.stringify(text.length > 300 ? `${text.slice(0, 150)} … ${text.slice(-150)}` : text);
  if (ending === undefined)
    return [`${callId}: no ending in the journal, answered ${String(reply.status)} ${shown}`];
  const { cause, attribution } = ending.outcome;
  const allowed = expected.cause?.includes(cause) ?? true;
  const { sees = /(?:)/, never = /(?!)/ } = expected;
  const checks: [boolean, string][] = [
    [reply.status === 200, `answered ${String(reply.status)} (${cause})`],
    [sees.test(text), `sees ${shown}, not ${String(sees)}`],
    [!never.test(text), `sees ${shown}, which matches ${String(never)}`],
    [allowed, `is ${cause}, not ${String(expected.cause)}: ${shown}`],
    [attribution === 'ok' || attribution === 'model', `is put down to ${attribution} (${cause})`],
    [tookMs <= (expected.within_ms ?? Infinity), `took ${tookMs.toFixed(0)} ms`],
    [attribution === causes[cause].attribution, `${cause} is not ${attribution} in the table`],
  ];
  const wrong = checks.filter(([right]) => !right).map(([, what]) => what);
  return [...wrong, ...evidenceProblems(ending.evidence, expected)].map((what) => `${callId}: ${what}`);
}

/** Every ending rests on something that no process of the model could have written. */
function evidenceProblems(evidence: Evidence, expected: Expectation): string[] {
  if (evidence.kind !== 'ended' && evidence.kind !== 'not_started')
    return evidence.kind === 'sandbox_lost' || evidence.kind === 'lost_before' || evidence.kind === 'refused'
      ? []
      : [`rests on ${evidence.kind}`];
  const record: Readonly<Record<string, unknown>> = { ...evidence.record };
  const fields = Object.entries(expected.evidence ?? {}).flatMap(([name, value]) =>
    record[name] === value
      ? []
      : [`${name} is ${JSON.stringify(record[name])}, not ${JSON.stringify(value)}`],
  );
  if (evidence.kind === 'not_started') return fields;
  const { before, after } = evidence.record;
  const counters = Object.entries(expected.counters ?? {}).flatMap(([name, way]) => {
    const grown = after[name as Counter] - before[name as Counter];
    return grown > 0 === (way === 'rises') ? [] : [`${name} grew by ${String(grown)}`];
  });
  return [...fields, ...counters];
}

async function verdictProblems(arena: Arena, rollout: string, item: HostileCase): Promise<string[]> {
  const { verdict, counts } = await arena.server.verdict(rollout);
  const infra = counts['infra'] ?? -1;
  const problems = infra === 0 ? [] : [`the verdict counts ${String(infra)} calls as infra`];
  if (verdict !== 'valid') problems.push(`the verdict is ${verdict} (${item.id})`);
  return problems;
}
