import type { Deadline } from '../kernel/deadline.ts';
import type { CallLimits, Ending, StartFailure, Work } from '../protocol/messages.ts';
import { SandboxFault, type Sandbox } from './sandbox.ts';

const SHELL_CALL = 1;
const PROBE_CALL = 2;

const LIMITS: CallLimits = { timeoutMs: 10_000, keepBytes: 1024, outputBytes: 65_536 };

/**
 * Checks that commands can run. Runs an empty command in the shell that sandboxd found, so that no rollout gets a sandbox
 * with a damaged shell. sandboxd's own probe runs only where there is no shell, or where the shell fails, to distinguish a
 * broken image from a broken engine: one more process would add 5 % to the cost of every start.
 *
 * @throws SandboxFault `engine_error` where no process can be started, `image_broken` where only the shell fails.
 */
export async function checkReadiness(sandbox: Sandbox, deadline: Deadline): Promise<void> {
  const { shell } = sandbox.offers;
  const empty = (path: string): Work => ({
    kind: 'exec',
    argv: [path, '-c', ':'],
    env: [],
    cwd: null,
    stdin: new Uint8Array(),
  });
  const shellProblem = shell === null ? null : await perform(sandbox, SHELL_CALL, empty(shell), deadline);
  if (shell !== null && shellProblem === null) return;
  const probeProblem = await perform(sandbox, PROBE_CALL, { kind: 'probe' }, deadline);
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
