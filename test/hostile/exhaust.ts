import { stillWell } from './aftermath.ts';
import type { Arena, Ground } from './arena.ts';
import type { Exhaustion } from './case.ts';
import type { Played } from './play.ts';

/** New connections that the server must take while sandboxes hold what they took. */
const CONNECTIONS = 40;

/** Several sandboxes take all they can of something; another one and the server must still get theirs. */
export async function exhaust(arena: Arena, item: Exhaustion, ground: Ground, run: string): Promise<Played> {
  const began = performance.now();
  const name = `${item.id}-${ground.policy}-${ground.runtime}-${run}`;
  const users = Array.from({ length: item.users }, (_, nth) => `${name}-${String(nth + 1)}`);
  const neighbour = `${name}-neighbour`;
  const problems: string[] = [];
  const say = async (rollout: string, code: string): Promise<string> => {
    const { output } = await arena.server.tool('python', rollout, 'call', { code });
    return output ?? '';
  };
  for (const id of [...users, neighbour]) await arena.rollout(id, ground);
  try {
    for (const said of await Promise.all(users.map((id) => say(id, item.use))))
      if (!item.used.test(said))
        problems.push(`a user says ${JSON.stringify(said)}, not ${String(item.used)}`);
    const found = await say(neighbour, item.probe);
    if (found.trim() !== item.works) problems.push(`the neighbour says ${JSON.stringify(found)}`);
    problems.push(...(await connections(arena)), ...(await stillWell(arena, ground)));
    for (const id of users) {
      const { counts } = await arena.server.verdict(id);
      if (counts['infra'] !== 0) problems.push(`${id}: ${String(counts['infra'])} calls count as infra`);
    }
  } finally {
    for (const id of [...users, neighbour]) await arena.server.request('DELETE', `/v1/rollouts/${id}`);
  }
  const durationMs = Math.round(performance.now() - began);
  return { id: `exhaustion ${item.id}`, ground, causes: [], problems, durationMs };
}

/** Each is a descriptor that the server must be able to wait for. */
async function connections({ server }: Arena): Promise<string[]> {
  const asked = Array.from({ length: CONNECTIONS }, () =>
    fetch(`${server.url}/healthz`, { headers: { connection: 'close' } }).then(({ ok }) => ok),
  );
  const refused = (await Promise.allSettled(asked)).filter((one) => one.status === 'rejected' || !one.value);
  return refused.length === 0 ? [] : [`${String(refused.length)} new connections to the server failed`];
}
