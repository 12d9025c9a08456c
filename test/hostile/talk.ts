import type { Arena, Ground } from './arena.ts';
import type { Channel } from './case.ts';
import type { Played } from './play.ts';

/** Tries one channel between two sandboxes of its own, and as a check on the test itself within one. */
export async function talk(arena: Arena, channel: Channel, ground: Ground, run: string): Promise<Played> {
  const began = performance.now();
  const name = `${channel.id}-${ground.policy}-${ground.runtime}-${run}`;
  const apart = await exchange(arena, channel, ground, `${name}-sender`, `${name}-receiver`);
  const alone = await exchange(arena, channel, ground, `${name}-both`, `${name}-both`);
  const problems: string[] = [];
  if (apart !== channel.nothing) problems.push(`between two sandboxes it says ${JSON.stringify(apart)}`);
  if (alone !== channel[channel.alone]) problems.push(`within one sandbox it says ${JSON.stringify(alone)}`);
  const durationMs = Math.round(performance.now() - began);
  return { id: `channel ${channel.id}`, ground, causes: [], problems, durationMs };
}

async function exchange(
  arena: Arena,
  { listen, send, receive }: Channel,
  ground: Ground,
  sender: string,
  receiver: string,
): Promise<string> {
  const { server } = arena;
  const rollouts = [...new Set([sender, receiver])];
  for (const id of rollouts) await arena.rollout(id, ground);
  const say = async (rollout: string, step: string, code: string): Promise<string> => {
    const { output } = await server.tool('python', rollout, step, { code });
    if (/^Traceback/m.test(output ?? '')) throw new Error(`${rollout}, ${step}: ${String(output)}`);
    return (output ?? '').trim();
  };
  if (listen !== undefined) await say(receiver, 'listen', listen);
  await say(sender, 'send', send);
  const heard = await say(receiver, 'receive', receive);
  for (const id of rollouts) await server.request('DELETE', `/v1/rollouts/${id}`);
  return heard;
}
