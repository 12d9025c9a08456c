/** Whose doing an ending can be. `ok`: an ordinary ending. */
export const ATTRIBUTIONS = ['ok', 'model', 'infra', 'task', 'client', 'undetermined'] as const;
export type Attribution = (typeof ATTRIBUTIONS)[number];

/** For counting: zero of each. */
export function noneByAttribution(): Record<Attribution, number> {
  return { ok: 0, model: 0, infra: 0, task: 0, client: 0, undetermined: 0 };
}

export interface Cause {
  readonly attribution: Attribution;
  /** HTTP status of the reply. 200 carries the tool's output, 503 the constant neutral text. */
  readonly status: 200 | 400 | 410 | 422 | 503;
  /** The rollout can't go on after this ending: later calls get the same answer at once. */
  readonly endsRollout: boolean;
  /** The grader should leave the rollout out. */
  readonly excludes: boolean;
  /** For operators and the log. Never shown to the model. */
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

/** The one table of cause codes. The README of this folder lists the same rows; a test compares them. */
export const causes = {
  completed: ok('The tool ran to its own end.'),
  bad_arguments: model('The arguments do not fit the tool.'),
  unknown_tool: model('The task has no such tool.'),
  call_budget: model('The rollout had used up its tool calls.'),
  time_limit: model('The command ran into its time limit.'),
  output_limit: model('The command wrote more than it may.'),
  memory_limit: model("The sandbox's own memory limit was hit."),
  process_limit: model("The sandbox's own process limit was hit."),
  interpreter_ended: model('The code ended its interpreter.'),
  shell_removed: model('The shell was there at the start and is gone.'),
  python_removed: model('The interpreter was there at the start and is gone.'),
  turn_wait: model('Earlier calls of the same rollout took too long.'),
  sandbox_broken: {
    ...model("The sandbox's first process died of the sandbox's own memory limit."),
    endsRollout: true,
  },
  tool_unstartable: {
    ...model('The tool could not be started, and the evidence does not say why.'),
    attribution: 'undetermined',
  },
  sandbox_died: {
    ...model('The sandbox ended, evidence is complete, and does not say why.'),
    attribution: 'undetermined',
    endsRollout: true,
  },
  shell_absent: { ...task('The image has no shell.'), status: 200, endsRollout: false },
  python_absent: { ...task('The image has no Python 3.'), status: 200, endsRollout: false },
  image_missing: task('The image is not there.'),
  image_broken: task('The image cannot be started.'),
  setup_failed: task('A set-up command of the task failed.'),
  rollout_life: task('The rollout reached its total life.'),
  engine_down: infra('The container engine does not answer.'),
  engine_error: infra('The container engine answered with an error.'),
  start_timeout: infra('The sandbox did not become ready in time.'),
  queue_wait: { ...infra('No sandbox could be started before the deadline.'), endsRollout: false },
  sandbox_killed: infra('Somebody outside killed the sandbox.'),
  sandbox_paused: infra('Somebody outside froze the sandbox.'),
  engine_restarted: infra('The engine went down and the sandbox with it.'),
  agent_full: infra('sandboxd held too many endings that we had not acknowledged.'),
  host_memory: infra('The host, not the sandbox, ran out of memory.'),
  cpu_starved: infra('The host had too little processor time for the command to use up its limit.'),
  egress_down: infra('The egress proxy or the name servers were away while the command used them.'),
  rollout_idle: infra('The rollout was ended after too long without a call.'),
  blind: {
    ...infra('Our own evidence was down when the sandbox was lost.'),
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
    ...model('A call came in a form that the route does not take.'),
    attribution: 'client',
    status: 400,
    excludes: true,
  },
  conflicting_repeat: {
    ...model('A call id came again with other arguments.'),
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
