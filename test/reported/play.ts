import type { EventOf } from '../../src/journal/event.ts';
import type { Server, World } from '../docker/support/server.ts';
import type { Expectation, ReportedCase, Step, ToolCall } from './case.ts';

/** One request and what became of it. */
interface Answered {
  readonly rollout: string;
  readonly callId: string | null;
  readonly status: number;
  /** What the model reads; for a route that is not a tool's, the whole body. */
  readonly text: string;
  readonly tookMs: number;
  readonly expected: Expectation;
}

interface Reply {
  readonly status: number;
  readonly text: string;
}

/** Plays the steps in a rollout of their own and returns what was not as the case says; empty: as expected. */
export async function play(world: World, server: Server, item: ReportedCase): Promise<string[]> {
  const rollout = `reported-${item.id}`;
  const player = new Player(server, rollout);
  await server.request('POST', '/v1/rollouts', { rollout_id: rollout, task: item.task });
  const problems: string[] = [];
  for (const [at, step] of item.steps.entries()) {
    const answered = await player.take(step);
    for (const one of answered)
      problems.push(...judge(one, ending(world, one)).map((what) => `step ${String(at + 1)}: ${what}`));
  }
  if (item.verdict === null) return problems;
  const { verdict, counts, reasons } = await server.verdict(rollout);
  if (verdict !== item.verdict) problems.push(`the verdict is ${verdict} (${reasons.join(', ')})`);
  for (const [name, count] of Object.entries(item.counts))
    if (counts[name] !== count) problems.push(`${name}: ${String(counts[name])}, not ${String(count)}`);
  await server.request('DELETE', `/v1/rollouts/${rollout}`);
  return problems;
}

/** The journal's last ending of the call, or, where the request gave no id, of the rollout. */
function ending(world: World, { rollout, callId }: Answered): EventOf<'call_finished'> | undefined {
  const endings = world.events<EventOf<'call_finished'>>('call_finished', rollout);
  return endings.findLast(({ call }) => callId === null || call === callId);
}

class Player {
  readonly #server: Server;
  readonly #rollout: string;
  #calls = 0;

  constructor(server: Server, rollout: string) {
    this.#server = server;
    this.#rollout = rollout;
  }

  async take(step: Step): Promise<Answered[]> {
    if ('parallel' in step) return await Promise.all(step.parallel.map((call) => this.#call(call)));
    if ('tool' in step) return [await this.#call(step)];
    const sent =
      'raw_body' in step
        ? () => this.#post('/v1/tools/shell', step.raw_body.replaceAll('ROLLOUT', this.#rollout))
        : () => this.#other(step.route, step.body);
    return [await timed({ rollout: this.#rollout, callId: null }, step.expect, sent)];
  }

  async #call(call: ToolCall): Promise<Answered> {
    this.#calls += 1;
    const callId = call.call_id === undefined ? `call-${String(this.#calls)}` : call.call_id;
    const expected = call.abort_ms === undefined ? { status: 200, ...call.expect } : { status: 0 };
    const of = { rollout: call.trace_id ?? this.#rollout, callId: callId === '' ? null : callId };
    return await timed(of, expected, () =>
      call.route === 'native' ? this.#native(callId, call) : this.#platform(callId, call),
    );
  }

  async #native(callId: string | null, { tool, arguments: given }: ToolCall): Promise<Reply> {
    const body = { call_id: callId, tool, arguments: given };
    return modelText(await this.#post(`/v1/rollouts/${this.#rollout}/calls`, JSON.stringify(body)));
  }

  async #platform(callId: string | null, call: ToolCall): Promise<Reply> {
    const text = JSON.stringify(call.arguments);
    const body = {
      type: 'function_call',
      id: `fc_${String(this.#calls)}`,
      call_id: callId,
      name: call.tool,
      arguments: call.arguments_raw ?? (call.arguments === null ? null : text),
      trace_id: call.trace_id ?? this.#rollout,
    };
    const signal = call.abort_ms === undefined ? null : AbortSignal.timeout(call.abort_ms);
    const path = `/v1/tools/${call.tool}`;
    try {
      return modelText(await this.#post(path, JSON.stringify(body), signal));
    } catch (error) {
      if (signal?.aborted === true) return { status: 0, text: '' };
      throw error;
    }
  }

  async #other(route: string, body: object): Promise<Reply> {
    const sweRex = /^swe-rex\/(.*)$/.exec(route)?.[1];
    const path = sweRex === undefined ? route : `/swe-rex/${this.#rollout}/${sweRex}`;
    const sent = route === '/mcp' ? { jsonrpc: '2.0', id: 1, ...body } : body;
    const graded = route === '/v1/grade' ? { sample: {}, item: {}, trace_id: this.#rollout } : sent;
    return await this.#post(path, JSON.stringify(graded));
  }

  async #post(path: string, body: string, signal: AbortSignal | null = null): Promise<Reply> {
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'x-rollout-id': this.#rollout,
    };
    const response = await this.#server.request('POST', path, body, headers, signal);
    return { status: response.status, text: await response.text() };
  }
}

/** Both forms of a tool call have the model's text in `output`. */
function modelText({ status, text }: Reply): Reply {
  const { output } = JSON.parse(text) as { output?: unknown };
  return { status, text: typeof output === 'string' ? output : text };
}

async function timed(
  of: Pick<Answered, 'rollout' | 'callId'>,
  expected: Expectation,
  send: () => Promise<Reply>,
): Promise<Answered> {
  const began = performance.now();
  const reply = await send();
  return { ...of, ...reply, tookMs: performance.now() - began, expected };
}

function judge(
  { status, text, tookMs, expected }: Answered,
  recorded: EventOf<'call_finished'> | undefined,
): string[] {
  const shown = JSON.stringify(text.length > 600 ? `${text.slice(0, 300)} … ${text.slice(-300)}` : text);
  const { output = /(?:)/, not = /(?!)/, exact = text, min_ms = 0, max_ms = Infinity } = expected;
  const { cause, attribution } = recorded?.outcome ?? { cause: 'none', attribution: 'undetermined' };
  const checks: [boolean, string][] = [
    [
      status === (expected.status ?? status),
      `status ${String(status)}, not ${String(expected.status)}: ${shown}`,
    ],
    [output.test(text), `${shown} does not match ${String(output)}`],
    [!not.test(text), `${shown} matches ${String(not)}`],
    [text === exact, `${shown} is not ${JSON.stringify(exact)}`],
    [tookMs >= min_ms && tookMs <= max_ms, `took ${tookMs.toFixed(0)} ms`],
    [cause === (expected.cause ?? cause), `the cause is ${cause}, not ${String(expected.cause)}`],
    [expected.attribution?.includes(attribution) ?? true, `is attributed to ${attribution} (${cause})`],
  ];
  return checks.filter(([right]) => !right).map(([, what]) => what);
}
