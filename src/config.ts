import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { ExcludedRule } from './grading/gate.ts';
import { ConfigurationError } from './policy/configuration-error.ts';
import { acceptedLimits } from './sandbox/accepted-limits.ts';
import type { LimitName } from './sandbox/limit-findings.ts';

const LEAST_STARTS_AT_ONCE = 4;
const STARTS_PER_CORE = 2;

/** The environment variables of the server. A test compares them with the table in src/README.md. */
export const variables = z.object({
  FAULTLINE_HOST: z.string().default('127.0.0.1'),
  FAULTLINE_PORT: wholeNumber(0, 65_535).default(8080),
  /** Absent: a token is generated and kept in the data folder. */
  FAULTLINE_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{8,}$/, 'expected at least 8 printable ASCII characters without spaces')
    .optional(),
  FAULTLINE_DATA: z.string().default('./data'),
  FAULTLINE_POLICIES: z.string().default('./policies'),
  FAULTLINE_IMAGES: z.string().default('./images'),
  /** Absent: `tasks.yaml` in the folder of the sandbox policies. */
  FAULTLINE_TASKS: z.string().optional(),
  /** A clean stop removes the sandboxes, or keeps them so that the next start adopts them. */
  FAULTLINE_ON_STOP: z.enum(['remove', 'keep']).default('remove'),
  FAULTLINE_STARTS_AT_ONCE: wholeNumber(1, 1024).optional(),
  /** Maximum number of live sandboxes. Absent: computed from this host's memory, processes and descriptors. */
  FAULTLINE_MOST_LIVE: wholeNumber(1, 100_000).optional(),
  /** The customer's grader, which POST /v1/grade calls. */
  FAULTLINE_GRADER_URL: z.url({ protocol: /^https?$/ }).optional(),
  FAULTLINE_GRADER_TOKEN: z.string().optional(),
  FAULTLINE_GRADER_TIMEOUT_MS: wholeNumber(100, 570_000).default(180_000),
  FAULTLINE_GRADE_PENDING_MS: wholeNumber(0, 500_000).default(60_000),
  /** Answer for an excluded rollout: 503, the request forwarded with the verdict, or a fixed score such as `score:0`. */
  FAULTLINE_GRADE_EXCLUDED: z
    .string()
    .regex(/^(withhold|flag|score:-?\d+(\.\d+)?)$/, 'expected withhold, flag or score:<number>')
    .transform(excludedRule)
    .default({ kind: 'withhold' }),
  /** Whether a rollout that is valid after a replay is graded or excluded. */
  FAULTLINE_GRADE_RECOVERED: z.enum(['forward', 'exclude']).default('forward'),
  /** Whether a rollout is graded whose verdict is unknown because records are missing. */
  FAULTLINE_GRADE_UNKNOWN: z.enum(['withhold', 'forward']).default('withhold'),
  /** Folder of the egress sockets, for sandboxes whose policy lists hosts; the same path on the engine's host. */
  FAULTLINE_EGRESS_DIR: z
    .string()
    .max(24, 'expected at most 24 characters, because the paths of sockets in it must be short')
    .default('/run/faultline'),
  /** Name servers of the egress proxy: IP addresses separated by spaces. Absent: those of /etc/resolv.conf. */
  FAULTLINE_EGRESS_DNS: z
    .string()
    .transform((text) => text.trim().split(/\s+/))
    .pipe(z.array(z.union([z.ipv4(), z.ipv6()], { error: 'expected IP addresses' })))
    .optional(),
  /** Limits that the engine may fail to hold, with spaces between them. Absent: none; a sandbox policy without one is not used. */
  FAULTLINE_ACCEPTED_LIMITS: acceptedLimits.optional(),
  DOCKER_HOST: z.string().optional(),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});

function excludedRule(text: string): ExcludedRule {
  if (text === 'withhold' || text === 'flag') return { kind: text };
  return { kind: 'score', score: Number(text.slice('score:'.length)) };
}

export interface GraderConfig {
  readonly url: string;
  readonly token: string | null;
  readonly requestMs: number;
  readonly pendingMs: number;
  readonly excluded: ExcludedRule;
  readonly recovered: 'forward' | 'exclude';
  readonly unknown: 'withhold' | 'forward';
}

export interface Config {
  readonly host: string;
  readonly port: number;
  readonly token: string | null;
  readonly dataDir: string;
  readonly policiesDir: string;
  readonly imagesDir: string;
  readonly taskFile: string;
  readonly onStop: 'remove' | 'keep';
  readonly startsAtOnce: number;
  /** Null: computed from the host. */
  readonly mostLive: number | null;
  readonly egressDir: string;
  readonly egressDns: readonly string[];
  readonly acceptedLimits: ReadonlySet<LimitName>;
  /** The engine's address; null: the default local one. */
  readonly dockerHost: string | null;
  /** Null if none is configured. */
  readonly grader: GraderConfig | null;
  readonly logLevel: z.output<typeof variables>['LOG_LEVEL'];
}

/**
 * Reads the configuration from the environment. An empty variable counts as absent, because compose files set such.
 *
 * @throws ConfigurationError that names every invalid variable.
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = variables.safeParse(given);
  if (!parsed.success) throw mistakes(parsed.error);
  const values = parsed.data;
  return {
    host: values.FAULTLINE_HOST,
    port: values.FAULTLINE_PORT,
    token: values.FAULTLINE_TOKEN ?? null,
    dataDir: values.FAULTLINE_DATA,
    policiesDir: values.FAULTLINE_POLICIES,
    imagesDir: values.FAULTLINE_IMAGES,
    taskFile: values.FAULTLINE_TASKS ?? join(values.FAULTLINE_POLICIES, 'tasks.yaml'),
    onStop: values.FAULTLINE_ON_STOP,
    startsAtOnce: values.FAULTLINE_STARTS_AT_ONCE ?? startsFor(availableParallelism()),
    mostLive: values.FAULTLINE_MOST_LIVE ?? null,
    egressDir: values.FAULTLINE_EGRESS_DIR,
    egressDns: values.FAULTLINE_EGRESS_DNS ?? [],
    acceptedLimits: new Set(values.FAULTLINE_ACCEPTED_LIMITS),
    dockerHost: values.DOCKER_HOST ?? null,
    grader: graderOf(values),
    logLevel: values.LOG_LEVEL,
  };
}

function graderOf(values: z.output<typeof variables>): GraderConfig | null {
  if (values.FAULTLINE_GRADER_URL === undefined) return null;
  return {
    url: values.FAULTLINE_GRADER_URL,
    token: values.FAULTLINE_GRADER_TOKEN ?? null,
    requestMs: values.FAULTLINE_GRADER_TIMEOUT_MS,
    pendingMs: values.FAULTLINE_GRADE_PENDING_MS,
    excluded: values.FAULTLINE_GRADE_EXCLUDED,
    recovered: values.FAULTLINE_GRADE_RECOVERED,
    unknown: values.FAULTLINE_GRADE_UNKNOWN,
  };
}

/** Starts are limited by CPU; more simultaneous starts add latency and no throughput. */
function startsFor(cores: number): number {
  return Math.max(LEAST_STARTS_AT_ONCE, STARTS_PER_CORE * cores);
}

function wholeNumber(least: number, most: number) {
  return z
    .string()
    .regex(/^\d+$/, 'expected a whole number')
    .transform(Number)
    .pipe(z.number().min(least).max(most));
}

function mistakes(error: z.ZodError): ConfigurationError {
  return new ConfigurationError(
    error.issues.map((issue) => ({
      file: 'environment',
      line: null,
      field: issue.path.join('.'),
      message: issue.message,
    })),
  );
}
