import { z } from 'zod';

/**
 * Schemas of the configuration files: `policies/*.yaml`, `images/<name>/image.yaml`, the task file. Durations and sizes have
 * a unit in the file (`60s`, `512MiB`) and are milliseconds and bytes after parsing. The field tables for operators are in
 * policies/README.md and images/README.md; a test compares them with these schemas.
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

/**
 * A capability without its `CAP_` prefix, as capabilities(7) lists it. SETPCAP is not among them: PID 1 keeps it for
 * itself, and by that one difference the kernel refuses commands that change PID 1's priority, scheduler or processors.
 */
export const capability = z.enum([
  'AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'NET_BIND_SERVICE',
  'SETFCAP', 'SETGID', 'SETUID',
]); // prettier-ignore

const DNS_NAME = /^\.?(?!-)[a-z0-9-]{1,63}(\.(?!-)[a-z0-9-]{1,63})*$/;

/** One host that sandboxes of this sandbox policy may connect to. */
const egressRuleSchema = z.strictObject({
  /** A host name; with a dot in front, that name and all names below it. Compared with the name asked for, not the address. */
  host: z.string().regex(DNS_NAME, 'expected a lower-case host name, such as pypi.org or .debian.org'),
  ports: z.array(z.int().min(1).max(65_535)).min(1).default([80, 443]),
  /** The name may resolve to a private address or to the host itself. */
  private: z.boolean().default(false),
});

export const policySchema = z.strictObject({
  description: z.string().optional(),
  /**
   * The user that commands run as, numeric. `own`: a uid that no other sandbox has, because the kernel limits inotify
   * instances, pipe buffers and others per user. sandboxd itself always runs as root in the container.
   */
  user: z.union(
    [z.strictObject({ uid: z.int().min(0).max(65_534), gid: z.int().min(0).max(65_534) }), z.literal('own')],
    { error: 'expected uid and gid, or own' },
  ),
  /** Capabilities that commands keep. All others are dropped from every set before a command starts. */
  capabilities: z.array(capability),
  /** `auto`: crun if the probe at start shows that it works, else runc. Otherwise the name of a runtime of the engine. */
  runtime: z.string().default('auto'),
  /**
   * `none`: loopback only. `egress`: the listed hosts, through the egress proxy, and nothing else. Otherwise the engine's
   * network of this name, without restriction.
   */
  network: z
    .union([z.string(), z.strictObject({ egress: z.array(egressRuleSchema).min(1) })], {
      error: 'expected none, a network of the engine, or egress with a list of hosts',
    })
    .default('none'),
  read_only_root: z.boolean().default(false),
  /** Name of a profile, `seccomp/<name>.json` beside the sandbox policies; `engine`: the engine's default. */
  seccomp: z.string().default('engine'),
  limits: z.strictObject({
    memory: size,
    cpus: z.number().positive(),
    processes: z.int().min(16),
    open_files: z.int().min(64),
    /** Largest single file that a command may write. */
    file_size: size,
    /** Size of a tmpfs at /tmp, counted as memory. Absent: /tmp is on the container's disk. */
    tmp: size.optional(),
    /** Size of a tmpfs at /work, counted as memory; commands start there and it is HOME. Absent: there is no /work. */
    work: size.optional(),
    /** What the container may add to its image. Enforced only if the engine's storage driver can; logged at start. */
    disk: size.optional(),
    /** Shared memory at /dev/shm. */
    shm: size,
    /** Bytes of each output stream that are kept: the first and the last half. */
    output_kept: size,
    /** A command that writes more than this to one stream is ended. */
    output_total: size,
  }),
  times: z.strictObject({
    /** Time limit of a call that names no `timeout_ms`. */
    call_default: duration,
    /** Longest time limit that a call may ask for. */
    call_max: duration,
    /** A rollout without a call for this long is ended. */
    rollout_idle: duration,
    rollout_life: duration,
    /** Time limit of one attempt to start a container, until sandboxd answers. */
    sandbox_start: duration,
  }),
  /** Longest answer that the model sees, in tokens (o200k). */
  answer_tokens: z.int().min(50).default(4000),
  /** Calls of one rollout at the same time; sandboxd runs at most 8. Above 1, replay is not possible. */
  parallel_calls: z.int().min(1).max(8).default(1),
  /** What happens to a rollout whose sandbox was lost to infrastructure. Absent: `replay` if `replays` allows it. */
  recovery: z.enum(['replay', 'none']).optional(),
  /** A replay beyond either limit is given up, and the rollout is lost. */
  replay_budget: z
    .strictObject({ calls: z.int().min(0).default(200), time: duration.prefault('240s') })
    .prefault({}),
  /** Warm pool: sandboxes started ahead of need. Absent: none, except for bursts that are announced or remembered. */
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
  /** The engine's name for the image: a tag, or better a digest. */
  reference: z.string().min(1),
  /** Folder of the Dockerfile, relative to this file. Absent: the image is only referenced, and pulled. */
  build: z.string().optional(),
  /** What the image offers; a tool that needs more than this is a mistake. sandboxd checks the image itself at readiness. */
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

/** One parameter of a custom tool. */
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
  /** Program and arguments. `{parameter}` inside an argument is replaced by its text; no shell reads it. */
  command: z.array(z.string()).min(1),
  timeout: duration.optional(),
  /** Longest answer of this tool, in tokens (o200k). Absent: the task's. */
  answer_tokens: z.int().min(50).optional(),
  /** The tool changes nothing in the sandbox. MCP clients are told; it is not enforced. */
  read_only: z.boolean().default(false),
  /** Arguments of the reference call that `faultline tasks check` makes; it must exit with 0. */
  example: z.record(z.string(), z.unknown()).optional(),
});

export const BUILT_IN_TOOLS = [
  'shell', 'python', 'code_interpreter', 'read_file', 'write_file', 'list_files', 'search_files',
] as const; // prettier-ignore

/** A file that is written before the set-up commands run, as the sandbox's user; missing folders are created. */
export const setupFileSchema = z.union(
  [
    z.strictObject({ path: z.string().min(1), content: z.string() }),
    /** `source`: a file of the operator, relative to the task file; read when the configuration is read. */
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
  /** Commands that run in a fresh sandbox before the first call, each as an argument list. A failure is the task's. */
  setup: z.array(z.array(z.string()).min(1)).default([]),
  files: z.array(setupFileSchema).default([]),
  /** Most tool calls of a rollout; the tool definitions tell the model. Absent: no limit. */
  calls: z.int().min(1).optional(),
  /**
   * What a call id means that comes again. `unique`: the same call; its stored answer, or an error where the arguments
   * differ. `per_turn`: the client numbers its calls anew each turn, so an id whose answer was delivered may be a new call.
   */
  call_ids: z.enum(['unique', 'per_turn']).default('unique'),
  /** Longest answer of a tool, in tokens (o200k). Absent: the sandbox policy's. */
  answer_tokens: z.int().min(50).optional(),
  /** Where Python starts: in the shell's present directory with its exported variables, or in the image's. */
  python_start: z.enum(['shell', 'image']).default('shell'),
  /** The task is chosen if all match. A task without rules is chosen only by name or as the default. */
  when: z.array(ruleSchema).default([]),
});

export const taskFileSchema = z.strictObject({
  default: name,
  tasks: z.record(name, taskSchema),
});

export interface Policy extends z.output<typeof policySchema> {
  readonly name: string;
  /** Counted up by each reload that changed it, so that no sandbox of an earlier generation is used for it. Absent: 1. */
  readonly generation?: number;
}
export interface Image extends z.output<typeof imageSchema> {
  readonly name: string;
  readonly generation?: number;
}

/**
 * Whether a lost sandbox may be rebuilt by replay: all effects of its calls were inside it (no network), and the calls
 * have an order (no parallel calls).
 */
export function replays(policy: Policy): boolean {
  return policy.recovery !== 'none' && policy.network === 'none' && policy.parallel_calls === 1;
}

export type Rule = z.output<typeof ruleSchema>;
export type CustomTool = z.output<typeof customToolSchema>;
export type TaskDefinition = z.output<typeof taskSchema>;

/** A file of the set-up; its content is base64. */
export interface SetupFile {
  readonly path: string;
  readonly base64: string;
}

/** A task with its references resolved. Frozen. */
export interface Task {
  readonly name: string;
  readonly image: Image;
  readonly policy: Policy;
  readonly tools: TaskDefinition['tools'];
  readonly setup: readonly (readonly string[])[];
  readonly files: readonly SetupFile[];
  readonly calls?: number | undefined;
  readonly call_ids?: TaskDefinition['call_ids'] | undefined;
  readonly answer_tokens?: number | undefined;
  /** Absent: `shell`. */
  readonly python_start?: 'shell' | 'image';
  readonly when: readonly Rule[];
}

/** The whole configuration, checked. */
export interface Catalog {
  readonly defaultTask: Task;
  readonly tasks: ReadonlyMap<string, Task>;
  readonly images: ReadonlyMap<string, Image>;
  readonly policies: ReadonlyMap<string, Policy>;
}
