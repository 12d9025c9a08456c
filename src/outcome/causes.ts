/** What an ending can be attributed to. `ok`: an ordinary ending. */
export const ATTRIBUTIONS = ['ok', 'model', 'infra', 'task', 'client', 'undetermined'] as const;
export type Attribution = (typeof ATTRIBUTIONS)[number];

/** A counter at zero for every attribution. */
export function noneByAttribution(): Record<Attribution, number> {
  return { ok: 0, model: 0, infra: 0, task: 0, client: 0, undetermined: 0 };
}

export interface Cause {
  readonly attribution: Attribution;
  /** HTTP status of the reply. 200 carries the tool's output, 503 the constant neutral text. */
  readonly status: 200 | 400 | 410 | 422 | 503;
  /** The rollout cannot continue after this ending: later calls get the same answer at once. */
  readonly endsRollout: boolean;
  /** The grader should leave the rollout out. */
  readonly excludes: boolean;
  /** For operators and the log; never shown to the model. */
  readonly sentence: string;
}

const ok = (sentence: string): Cause => ({
  attribution: 'ok',
  status: 200,
  endsRollout: false,
  excludes: false,
  sentence,
});
const model = (sentence: string): Cause => ({ ...ok(sentence), attribution: 'model' });
const infra = (sentence: string): Cause => ({
  attribution: 'infra',
  status: 503,
  endsRollout: true,
  excludes: true,
  sentence,
});
const task = (sentence: string): Cause => ({ ...infra(sentence), attribution: 'task' });

/** The only table of cause codes. The README of this folder lists the same rows; a test compares them. */
export const causes = {
  completed: ok('The tool ended by itself.'),
  bad_arguments: model('The arguments do not fit the tool.'),
  unknown_tool: model('The task has no such tool.'),
  call_budget: model('The rollout had already made all tool calls that its task allows.'),
  time_limit: model('The command reached its time limit.'),
  rollout_time: {
    ...model('Commands of the rollout ran for at least half of its maximum lifetime, and it is over.'),
    endsRollout: true,
  },
  output_limit: model('The command wrote more output than the sandbox policy allows.'),
  memory_limit: model(
    'Out of memory: by its own limit, or nothing shows that anything but sandboxes used up the host.',
  ),
  process_limit: model('The sandbox reached its own process limit.'),
  interpreter_ended: model('The code ended the Python interpreter.'),
  shell_removed: model('The shell was present when the sandbox started and is now missing.'),
  python_removed: model('Python 3 was present when the sandbox started and is now missing.'),
  turn_wait: model('Earlier calls of the same rollout held the call lock for too long.'),
  sandbox_broken: {
    ...model("The sandbox's own memory limit killed sandboxd, its first process."),
    endsRollout: true,
  },
  egress_crashed: {
    ...model('The egress proxy crashed while the command was connected; perhaps its own request did it.'),
    attribution: 'undetermined',
  },
  tool_unstartable: {
    ...model('The tool could not be started, and the evidence does not show why.'),
    attribution: 'undetermined',
  },
  sandbox_died: {
    ...model('The sandbox ended; the evidence is complete and does not show why.'),
    attribution: 'undetermined',
    endsRollout: true,
  },
  shell_absent: { ...task('The image has no shell.'), status: 200, endsRollout: false },
  python_absent: { ...task('The image has no Python 3.'), status: 200, endsRollout: false },
  image_missing: task('The image does not exist.'),
  image_broken: task('The image cannot be started.'),
  setup_failed: task('A set-up command of the task failed.'),
  task_removed: task("The rollout's task is configured no more."),
  rollout_life: task('The rollout reached its maximum lifetime, mostly without a command running.'),
  engine_down: infra('The container engine does not answer.'),
  engine_error: infra('The container engine answered with an error.'),
  start_timeout: infra('The sandbox did not become ready in time.'),
  queue_wait: { ...infra('No sandbox could be started before the deadline.'), endsRollout: false },
  sandbox_killed: infra('The sandbox was killed from outside, not by faultline.'),
  sandbox_paused: infra('The sandbox was paused from outside, not by faultline.'),
  engine_restarted: infra('The container engine went down and the sandbox was lost with it.'),
  agent_full: infra('sandboxd held too many endings that the controller had not acknowledged.'),
  host_memory: infra('The host, not the sandbox, ran out of memory.'),
  host_processes: infra('The host, not the sandbox, could have no more processes.'),
  cpu_starved: infra('The host gave the command too little processor time within its time limit.'),
  egress_down: infra('The egress proxy or the name servers failed while the command used them.'),
  rollout_idle: infra('The rollout was ended after too long without a call.'),
  calls_never_arrived: infra(
    "The graded sample has calls of this server's tools, and none of them arrived here.",
  ),
  blind: {
    ...infra('The evidence sources were unavailable when the sandbox was lost.'),
    attribution: 'undetermined',
  },
  cancelled: {
    ...model('The rollout was ended while the call ran.'),
    attribution: 'client',
    status: 410,
    excludes: false,
  },
  rollout_ended: {
    ...model('The rollout had ended before the call.'),
    attribution: 'client',
    status: 410,
    excludes: false,
  },
  bad_request: {
    ...model('A request for a call had a form that the route does not accept.'),
    attribution: 'client',
    status: 400,
    excludes: true,
  },
  conflicting_repeat: {
    ...model('A call id was used again with other arguments.'),
    attribution: 'client',
    status: 422,
    excludes: true,
  },
} as const satisfies Record<string, Cause>;

export type CauseCode = keyof typeof causes;

/** A call's ending, judged. */
export interface Outcome {
  readonly attribution: Attribution;
  readonly cause: CauseCode;
  readonly executed: 'no' | 'yes' | 'unknown';
}
