import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { causes, type CauseCode } from '../../src/outcome/causes.ts';

const pattern = z.string().transform((text) => new RegExp(text));
const cause = z.enum(Object.keys(causes) as [CauseCode, ...CauseCode[]]);
const oneOrMore = <Schema extends z.ZodType>(schema: Schema) =>
  z.union([schema, z.array(schema).min(1)]).transform((value) => [value].flat() as z.output<Schema>[]);

/** What a call must come to. */
const expectation = z.strictObject({
  /** The model sees text that matches. */
  sees: pattern.optional(),
  /** Nothing that it sees matches. */
  never: pattern.optional(),
  /** Which cause was recorded; its attribution stands in the table of causes. */
  cause: oneOrMore(cause).optional(),
  /** Fields of the recorded evidence, out of reach of the sandbox. */
  evidence: z.record(z.string(), z.json()).optional(),
  /** How counters of the sandbox's own cgroup moved during the call. */
  counters: z.record(z.string(), z.enum(['rises', 'stays'])).optional(),
  /** The reply is there by then, on a busy machine too. */
  within_ms: z.int().positive().optional(),
});

const call = expectation.extend({
  shell: z.string().optional(),
  python: z.string().optional(),
  tool: z.string().optional(),
  arguments: z.record(z.string(), z.json()).optional(),
  timeout_ms: z.int().positive().optional(),
  /** Repeated with a new id until it is as expected, at most so often; what comes before is held to the causes of `meanwhile`. */
  tries: z.int().min(1).default(1),
  meanwhile: oneOrMore(cause).optional(),
  /** What differs under a policy or a runtime, by its name. */
  under: z.record(z.string(), expectation).default({}),
});

const hostileCase = z.strictObject({
  id: z.string(),
  about: z.string(),
  /** Part of `npm test`. */
  quick: z.boolean().default(false),
  /** Under these policies alone. */
  policies: z.array(z.string()).optional(),
  /** Not with these runtimes, and why. */
  not_with: z.record(z.string(), z.string()).default({}),
  /** Over the policy's own limits, so that they are reached soon. */
  limits: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
  calls: z.array(call).min(1),
  /** `answers`: the next call works as if nothing had been. `dead`: the rollout has ended. Otherwise what it sees. */
  then: z
    .union([
      z.literal('answers'),
      z.literal('dead'),
      z.strictObject({ sees: pattern, cause: oneOrMore(cause).optional() }),
    ])
    .default('answers'),
});

const channel = z.strictObject({
  id: z.string(),
  about: z.string(),
  policies: z.array(z.string()).optional(),
  not_with: z.record(z.string(), z.string()).default({}),
  /** In the receiver, before. */
  listen: z.string().optional(),
  /** In the sender; may leave something running. */
  send: z.string(),
  /** In the receiver, after. */
  receive: z.string(),
  /** What the receiver prints if the bit came through. */
  heard: z.string(),
  /** What it prints if not. */
  nothing: z.string(),
  /** Sender and receiver in one sandbox: `heard` shows that the test can hear, `nothing` that even that is refused. */
  alone: z.enum(['heard', 'nothing']),
});

const exhaustion = z.strictObject({
  id: z.string(),
  about: z.string(),
  quick: z.boolean().default(false),
  policies: z.array(z.string()).optional(),
  not_with: z.record(z.string(), z.string()).default({}),
  /** Sandboxes that run `use` at the same time, each in its own rollout. */
  users: z.int().min(1).default(2),
  /** Takes as much as it can and leaves processes behind that hold it. */
  use: z.string(),
  /** What every user prints where each limit is its own. */
  used: pattern,
  /** In another sandbox, while the others hold what they took. */
  probe: z.string(),
  /** What it prints if there is enough left. */
  works: z.string(),
});

export type Expectation = z.output<typeof expectation>;
export type HostileCall = z.output<typeof call>;
export type HostileCase = z.output<typeof hostileCase>;
export type Channel = z.output<typeof channel>;
export type Exhaustion = z.output<typeof exhaustion>;

const folder = join(import.meta.dirname, 'cases');
const read = (file: string): unknown => parse(readFileSync(join(folder, file), 'utf8'));

export const channels: readonly Channel[] = z.array(channel).parse(read('channels.yaml'));

const exhausting = z
  .strictObject({ prelude: z.string(), cases: z.array(exhaustion) })
  .parse(read('exhaustion.yaml'));
export const exhaustions: readonly Exhaustion[] = exhausting.cases.map((item) => ({
  ...item,
  use: exhausting.prelude + item.use,
}));

export const cases: readonly HostileCase[] = readdirSync(folder)
  .filter((file) => file !== 'channels.yaml' && file !== 'exhaustion.yaml')
  .flatMap((file) => z.array(hostileCase).parse(read(file)));

/** Whether the case says something about this policy and runtime. */
export function applies(item: HostileCase | Channel | Exhaustion, policy: string, runtime: string): boolean {
  return (item.policies?.includes(policy) ?? true) && !Object.hasOwn(item.not_with, runtime);
}
