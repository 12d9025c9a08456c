import { z } from 'zod';
import { causes, type CauseCode } from '../../src/outcome/causes.ts';
import { duration, name, size } from '../../src/policy/schema.ts';
import { ruleSchema } from './proxy/rule.ts';

const cause = z.enum(Object.keys(causes) as [CauseCode, ...CauseCode[]]);

/** One kind of call; `config/calls.yaml` says what the fields are for. */
export const callSchema = z
  .strictObject({
    command: z.string().optional(),
    /** Instead of a command: arguments as they are. */
    arguments: z.record(z.string(), z.unknown()).optional(),
    /** The request's form is wrong, rather than its arguments. */
    envelope: z.literal('broken').optional(),
    timeout: duration.optional(),
    output: z.string().optional(),
    own: z.array(cause).min(1),
  })
  .refine(
    (call) => (call.command === undefined) !== (call.arguments === undefined),
    'expected a command or arguments',
  );

export const callsSchema = z.record(name, callSchema);

const signal = z.enum(['SIGKILL', 'SIGTERM', 'SIGSTOP', 'SIGCONT']);
const step = <Name extends string, Fields extends z.ZodRawShape>(verb: Name, fields: Fields) =>
  z.strictObject({ do: z.literal(verb), ...fields });

/** What happens in a case, one step after the other. `victims` are the rollouts of cast entries marked so. */
const stepSchema = z.discriminatedUnion('do', [
  /** Everybody makes a first call, and it is answered. */
  step('open', {}),
  /** Everybody's main call is sent. `running`: waits until each has its intent in the journal. */
  step('send', { until: z.enum(['running', 'sent']).default('running') }),
  /** The main calls have their answers. */
  step('answers', { of: z.enum(['all', 'victims']).default('all') }),
  step('wait', { for: duration }),
  /** Rules for the proxy, beside those that are in force. */
  step('proxy', { rules: z.array(ruleSchema).min(1) }),
  /** The proxy's rules end. Each must have worked at least once, else the case has tested nothing. */
  step('lift', {}),
  /** `sandbox`: the host's process of each victim's PID 1. */
  step('signal', { to: z.enum(['dockerd', 'containerd', 'controller', 'sandbox']), signal }),
  /** Starts it again. From here to the answer of a short call is the time to recover. */
  step('start', { what: z.enum(['dockerd', 'controller']) }),
  /** `docker kill`, of each victim's container. */
  step('docker_kill', {}),
  /** The disk below the engine's data. */
  step('disk', { becomes: z.enum(['full', 'free', 'frozen', 'thawed']) }),
  /** The memory limit of the sandboxes' parent cgroup: what they use now, and so much more; null: none. */
  step('parent_memory', { spare: size.nullable() }),
  /** The process limit of the sandboxes' parent cgroup: as many as they have now, and so many more; null: none. */
  step('parent_processes', { spare: z.int().min(0).nullable() }),
  /** An image whose shell has been overwritten below the engine, as a bad disk does it. */
  step('damaged_image', {}),
  /** Descriptors that the controller may have open beyond those it has; null: as before. */
  step('descriptors', { spare: z.int().min(0).nullable() }),
  /** Their clients' connections are destroyed; the clients send the same calls again later, by themselves. */
  step('vanish', {}),
  /** Each victim's main call is sent once more: as it was, or with other arguments. */
  step('repeat', { arguments: z.enum(['same', 'other']) }),
  /** The victims' rollouts are deleted by their trainer. */
  step('delete', {}),
]);

export const caseSchema = z.strictObject({
  title: z.string().min(1),
  /** Also in the short run, which is part of `npm test`. */
  short: z.boolean().default(false),
  engine: z.strictObject({ live_restore: z.boolean().default(true) }).prefault({}),
  cast: z
    .array(
      z.strictObject({
        call: name,
        rollouts: z.int().min(1).max(200).default(1),
        task: name.default('good'),
        victim: z.boolean().default(false),
      }),
    )
    .min(1),
  steps: z.array(stepSchema).min(1),
  /** The fault costs its targets their sandboxes; then what a hostile call did in one is infrastructure's, too. */
  takes_sandbox: z.boolean().default(false),
  /** Whether good calls that the fault hits are answered as if nothing had been. */
  transparent: z.enum(['expected', 'possible', 'no']),
  /** Causes that a hit call may end with where it is not answered as if nothing had been. */
  endings: z.array(cause).default([]),
  /** From a `start` step to the answer of a short call. */
  recovers_within: duration.optional(),
});

export type CallKind = z.output<typeof callSchema>;
export type Step = z.output<typeof stepSchema>;
export interface FaultCase extends z.output<typeof caseSchema> {
  readonly name: string;
}
