import type { Journal } from '../journal/journal.ts';
import type { SandboxHandle } from '../sandbox/sandbox.ts';
import type { EndReason, Rollout } from './rollout.ts';

/** Records that a sandbox of the rollout is going to be ended by us. To be awaited before that. */
export async function intendKill(
  journal: Journal,
  { ref }: Rollout,
  handle: SandboxHandle,
  reason: EndReason | 'lost' | 'displaced',
): Promise<void> {
  await journal.append({ type: 'kill_intended', ...ref, handle, reason }, { durable: true });
}
