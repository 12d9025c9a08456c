import type { Deadline } from '../kernel/deadline.ts';
import type { CallLimits, Ending, StartFailure, Work } from '../protocol/messages.ts';
import { SandboxFault, type Sandbox } from './sandbox.ts';

const PROBE_CALL = 1;
const SHELL_CALL = 2;

const LIMITS: CallLimits = { timeoutMs: 10_000, keepBytes: 1024, outputBytes: 65_536 };

/**
 * Whether commands can be run at all: the agent's own probe, and an empty command for the shell that was found,
 * so that a sandbox with a damaged shell never reaches a model. Both at once; neither touches the shell's state.
 *
 * @throws SandboxFault `engine_error` where no process can be started, `image_broken` where only the shell fails.
 */
export async function checkReadiness(sandbox: Sandbox, deadline: Deadline): Promise<void> {
  const { shell } = sandbox.offers;
  const probe = perform(sandbox, PROBE_CALL, { kind: 'probe' }, deadline);
  const empty: Work = {
    kind: 'exec',
    argv: [shell ?? '', '-c', ':'],
    env: [],
    cwd: null,
    stdin: new Uint8Array(),
  };
  const started = shell === null ? null : perform(sandbox, SHELL_CALL, empty, deadline);
  const [probeProblem, shellProblem] = await Promise.all([probe, started]);
  if (probeProblem !== null)
    throw new SandboxFault('engine_error', `no process can be started: ${probeProblem}`);
  if (shellProblem !== null)
    throw new SandboxFault('image_broken', `${String(shell)} does not run: ${shellProblem}`);
}

async function perform(
  sandbox: Sandbox,
  call: number,
  work: Work,
  deadline: Deadline,
): Promise<string | null> {
  const ending = await deadline.race(sandbox.run(call, work, LIMITS));
  sandbox.acknowledge(call);
  return problem(ending);
}

function problem(ending: Ending | StartFailure): string | null {
  if (ending.type === 'start-failed') return `${ending.stage} failed with errno ${String(ending.errno)}`;
  if (ending.killReason !== 'none') return `ended by ${ending.killReason}`;
  return ending.waitStatus === 0 ? null : `wait status ${String(ending.waitStatus)}`;
}
