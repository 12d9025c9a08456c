import { z } from 'zod';

/**
 * Schemas of everything an operator writes: `policies/*.yaml`, `images/<name>/image.yaml`, the task file.
 * Durations and sizes carry their unit in the file (`60s`, `512MiB`) and are milliseconds and bytes here.
 */

const UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
const UNITS_BYTES = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const;

function quantity<Unit extends string>(units: Record<Unit, number>, example: string) {
  const pattern = new RegExp(`^(\\d+(?:\\.\\d+)?)\\s*(${Object.keys(units).join('|')})$`);
  return z.string().transform((text, context) => {
    const match = pattern.exec(text.trim());
    if (match === null) {
      context.addIssue({ code: 'custom', message: `expected a quantity such as ${example}, got "${text}"` });
      return z.NEVER;
    }
    return Math.round(Number(match[1]) * units[match[2] as Unit]);
  });
}

/** A duration such as `60s`; milliseconds after parsing. */
export const duration = quantity(UNITS_MS, '60s');
/** A size such as `512MiB`; bytes after parsing. */
export const size = quantity(UNITS_BYTES, '512MiB');

export const name = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9_.-]{0,62}$/,
    'expected lower-case letters, digits, "_", "." or "-", at most 63 characters',
  );

/** A capability without its `CAP_` prefix, as capabilities(7) lists it. */
export const capability = z.enum([
  'AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'NET_BIND_SERVICE',
  'SETFCAP', 'SETGID', 'SETPCAP', 'SETUID',
]); // prettier-ignore

const DNS_NAME = /^\.?(?!-)[a-z0-9-]{1,63}(\.(?!-)[a-z0-9-]{1,63})*$/;

/** Where sandboxes of a policy may connect to. */
const egressRuleSchema = z.strictObject({
  /** A name; with a dot before it that name and all below. What it is asked for, not what it resolves to. */
  host: z.string().regex(DNS_NAME, 'expected a lower-case host name, such as pypi.org or .debian.org'),
  ports: z.array(z.int().min(1).max(65_535)).min(1).default([80, 443]),
  /** It may resolve to an address of a private network or of the host itself. */
  private: z.boolean().default(false),
});

export const policySchema = z.strictObject({
  description: z.string().optional(),
  /**
   * The user that commands run as, numeric; `own`: a number that no other sandbox has, since the kernel counts
   * inotify instances, pipe buffers and the like by user. sandboxd itself is always root of the container.
   */
  user: z.union(
    [z.strictObject({ uid: z.int().min(0).max(65_534), gid: z.int().min(0).max(65_534) }), z.literal('own')],
    { error: 'expected uid and gid, or own' },
  ),
  /** What commands keep. Anything else is dropped from every set before the command runs. */
  capabilities: z.array(capability),
  /** `auto`: crun where the probe at boot shows that it works, else runc. Otherwise a runtime the engine knows. */
  runtime: z.string().default('auto'),
  /**
   * `none`: no network at all, only loopback. A list of hosts: these, through an egress proxy, and nothing else.
   * Otherwise the engine's network of this name, with all that it reaches.
   */
  network: z
    .union([z.string(), z.strictObject({ egress: z.array(egressRuleSchema).min(1) })], {
      error: 'expected none, a network of the engine, or egress with a list of hosts',
    })
    .default('none'),
  read_only_root: z.boolean().default(false),
  /** Name of a profile, `seccomp/<name>.json` beside the policies, or `engine` for the engine's default. */
  seccomp: z.string().default('engine'),
  limits: z.strictObject({
    memory: size,
    cpus: z.number().positive(),
    processes: z.int().min(16),
    open_files: z.int().min(64),
    /** Largest single file a command may write. */
    file_size: size,
    /** Size of the tmpfs at /tmp; absent: /tmp is on the container's disk. Counts as memory. */
    tmp: size.optional(),
    /** Size of a tmpfs at /work, where commands start and which is HOME. Absent: none. Counts as memory. */
    work: size.optional(),
    /** What the container may add to its image. Held only where the engine can; it says so when it starts. */
    disk: size.optional(),
    /** Shared memory at /dev/shm. */
    shm: size,
    /** Bytes kept per output stream: first and last half. */
    output_kept: size,
    /** A command that writes more than this to one stream is ended. */
    output_total: size,
  }),
  times: z.strictObject({
    /** What a call gets where it names no `timeout_ms`. */
    call_default: duration,
    /** What a call may ask for at most. */
    call_max: duration,
    /** A rollout without calls for this long ends. */
    rollout_idle: duration,
    rollout_life: duration,
    /** One start attempt of a container, until its sandboxd answers. */
    sandbox_start: duration,
  }),
  /** Tokens (o200k) of a tool answer that the model sees. */
  answer_tokens: z.int().min(50).default(4000),
  /** Calls of one rollout at the same time, at most what sandboxd holds. Above 1, verified replay is not possible. */
  parallel_calls: z.int().min(1).max(8).default(1),
  /** What becomes of a rollout whose sandbox was lost to infrastructure. Absent: `replay` where `replays` allows it. */
  recovery: z.enum(['replay', 'none']).optional(),
  /** Beyond either of these a replay is given up and the rollout is lost. */
  replay_budget: z
    .strictObject({ calls: z.int().min(0).default(200), time: duration.prefault('240s') })
    .prefault({}),
  /** Sandboxes kept started ahead of need. Absent: none, but as many as bursts that are announced or remembered. */
  pool: z
    .strictObject({
      min: z.int().min(0).max(10_000).default(0),
      max: z.int().min(0).max(10_000).default(1_000),
    })
    .refine(({ min, max }) => min <= max, 'min is larger than max')
    .optional(),
});

export const imageSchema = z.strictObject({
  description: z.string().optional(),
  /** What the engine knows the image as: a tag, or better a digest. */
  reference: z.string().min(1),
  /** Folder of the Dockerfile, relative to this file; absent for an image that is only pulled. */
  build: z.string().optional(),
  /** What the image is meant to offer; checked by the image build's own test. */
  shell: z.boolean().default(true),
  python: z.boolean().default(true),
});

/** One condition on the call's `item` (the dataset row), by JSON pointer (RFC 6901). */
export const ruleSchema = z.union(
  [
    z.strictObject({ pointer: z.string(), equals: z.union([z.string(), z.number(), z.boolean(), z.null()]) }),
    z.strictObject({ pointer: z.string(), matches: z.string() }),
    z.strictObject({ pointer: z.string(), exists: z.boolean() }),
  ],
  { error: 'expected a pointer and exactly one of equals, matches or exists' },
);

/** Types that a custom tool's parameter may have. */
export const parameterSchema = z.strictObject({
  type: z.enum(['string', 'integer', 'number', 'boolean']),
  description: z.string().optional(),
  enum: z.array(z.union([z.string(), z.number()])).optional(),
  required: z.boolean().default(true),
});

export const customToolSchema = z.strictObject({
  name,
  description: z.string().min(1),
  parameters: z.record(z.string(), parameterSchema),
  /** Program and arguments. `{parameter}` inside an argument is replaced whole; no shell ever sees it. */
  command: z.array(z.string()).min(1),
  timeout: duration.optional(),
  /** Tokens (o200k) of an answer of this tool; absent: the task's. */
  answer_tokens: z.int().min(50).optional(),
  /** It changes nothing in the sandbox. Told to MCP clients; nobody holds the tool to it. */
  read_only: z.boolean().default(false),
  /** Arguments of a reference call, which `faultline tasks check` makes; it must exit with 0. */
  example: z.record(z.string(), z.unknown()).optional(),
});

export const BUILT_IN_TOOLS = [
  'shell', 'python', 'code_interpreter', 'read_file', 'write_file', 'list_files', 'search_files',
] as const; // prettier-ignore

/** A file written before the set-up commands, with the model's rights and missing folders. */
export const setupFileSchema = z.union(
  [
    z.strictObject({ path: z.string().min(1), content: z.string() }),
    /** `source` is a file of the operator's, relative to the task file; read when the configuration is. */
    z.strictObject({ path: z.string().min(1), source: z.string().min(1) }),
  ],
  { error: 'expected a path and exactly one of content or source' },
);

export const taskSchema = z.strictObject({
  description: z.string().optional(),
  image: name,
  policy: name.default('default'),
  tools: z
    .array(z.union([z.enum(BUILT_IN_TOOLS), customToolSchema]))
    .min(1)
    .default([...BUILT_IN_TOOLS]),
  /** Commands run in a fresh sandbox before the first call, each as an argument list. A failure is the task's. */
  setup: z.array(z.array(z.string()).min(1)).default([]),
  files: z.array(setupFileSchema).default([]),
  /** Tool calls of a rollout at most, and the model is told so. Absent: as many as it likes. */
  calls: z.int().min(1).optional(),
  /** Tokens (o200k) of a tool answer; absent: the policy's. */
  answer_tokens: z.int().min(50).optional(),
  /** All must hold for the task to be chosen; a task without rules is chosen by name or as the default. */
  when: z.array(ruleSchema).default([]),
});

export const taskFileSchema = z.strictObject({
  default: name,
  tasks: z.record(name, taskSchema),
});

export interface Policy extends z.output<typeof policySchema> {
  readonly name: string;
  /** Grows with each reload that changed it, so that no sandbox of an earlier one is taken for it. Absent: the first. */
  readonly generation?: number;
}
export interface Image extends z.output<typeof imageSchema> {
  readonly name: string;
  readonly generation?: number;
}

/**
 * Whether a lost sandbox may be rebuilt from the journal: only where everything that its calls did died with it, and
 * where they have an order to be repeated in.
 */
export function replays(policy: Policy): boolean {
  return policy.recovery !== 'none' && policy.network === 'none' && policy.parallel_calls === 1;
}

export type Rule = z.output<typeof ruleSchema>;
export type CustomTool = z.output<typeof customToolSchema>;
export type TaskDefinition = z.output<typeof taskSchema>;

/** A file of the set-up with its content, base64. */
export interface SetupFile {
  readonly path: string;
  readonly base64: string;
}

/** A task with its references resolved and frozen. */
export interface Task {
  readonly name: string;
  readonly image: Image;
  readonly policy: Policy;
  readonly tools: TaskDefinition['tools'];
  readonly setup: readonly (readonly string[])[];
  readonly files: readonly SetupFile[];
  readonly calls?: number | undefined;
  readonly answer_tokens?: number | undefined;
  readonly when: readonly Rule[];
}

/** Everything an operator configured, checked as a whole. */
export interface Catalog {
  readonly defaultTask: Task;
  readonly tasks: ReadonlyMap<string, Task>;
  readonly images: ReadonlyMap<string, Image>;
  readonly policies: ReadonlyMap<string, Policy>;
}
