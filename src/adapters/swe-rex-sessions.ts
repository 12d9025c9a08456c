import { randomUUID } from 'node:crypto';
import { callId, type CallId } from '../kernel/ids.ts';
import type { Rollout } from '../rollouts/rollout.ts';

/**
 * The id of the call that opens or closes a session. Which sessions of a rollout are open is read from these ids, so
 * it is known wherever the calls are known, also after a restart of the server.
 */
export function sessionCallId(what: 'open' | 'close', session: string, key: CallId | null): CallId {
  return callId(`swe-rex/${what}/${encodeURIComponent(session)}/${key ?? randomUUID()}`);
}

/** The names of the open sessions. */
export function openSessions(rollout: Rollout): ReadonlySet<string> {
  const open = new Set<string>();
  for (const id of rollout.calls.keys()) {
    const [, what, name = ''] = /^swe-rex\/(open|close)\/([^/]*)\//.exec(id) ?? [];
    if (what === 'open') open.add(decodeURIComponent(name));
    if (what === 'close') open.delete(decodeURIComponent(name));
  }
  return open;
}
