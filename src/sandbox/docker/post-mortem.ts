import type { Deadline } from '../../kernel/deadline.ts';
import type { PostMortem } from '../sandbox.ts';
import type { DockerConnection } from './docker-connection.ts';
import { isNotFound } from './docker-errors.ts';
import { lines, parseEvent, type ContainerEvent, type EventWatch } from './event-watch.ts';

interface Found {
  readonly container: PostMortem['container'];
  readonly oomFlag: boolean;
  readonly paused: boolean;
  /** Seconds since 1970 on the engine's clock; null: unknown. */
  readonly created: number | null;
}

/**
 * Collects what the engine knows about a container. Never throws.
 *
 * `foreignKill`: there is a kill event, and this controller did not order the removal (`removedByUs`).
 * `foreignPause`, `oomSince`: only events since the last call began (`since`, monotonic): what somebody did to the sandbox
 * hours ago is not why it was lost.
 * Limit: a process killed from the host's shell leaves no event, only the exit code.
 */
export async function examine(
  connection: DockerConnection,
  watch: EventWatch,
  id: string,
  context: { readonly removedByUs: boolean; readonly since: number; readonly deadline: Deadline },
): Promise<PostMortem> {
  const found = await inspect(connection, id, context.deadline);
  const asked = await events(connection, id, found.created, context.deadline);
  const seen = [...watch.of(id), ...(asked ?? [])];
  const from = watch.engineTime(context.since) - CLOCK_SLACK_S;
  const happened = (what: string): boolean =>
    seen.some(({ action, time }) => action === what && time >= from);
  const killed = seen.some(({ action, signal }) => action === 'kill' && isDeadly(signal));
  return {
    container: found.container,
    foreignKill: killed && !context.removedByUs,
    foreignPause: found.paused || happened('pause'),
    oomFlag: found.oomFlag,
    ...((asked !== null || happened('oom')) && { oomSince: happened('oom') }),
    evidenceGap: asked === null,
    engineDisturbed: found.container === 'unknown' || connection.disturbedSince(context.since),
  };
}

async function inspect(connection: DockerConnection, id: string, deadline: Deadline): Promise<Found> {
  try {
    const { State: state, Created: created } = await deadline.race(
      connection.docker.getContainer(id).inspect(),
    );
    return {
      container: state.Running ? 'running' : 'exited',
      oomFlag: state.OOMKilled,
      paused: state.Paused,
      created: Math.floor(Date.parse(created) / 1000),
    };
  } catch (error) {
    const container = isNotFound(error) ? 'gone' : 'unknown';
    return { container, oomFlag: false, paused: false, created: null };
  }
}

/**
 * From the last 256 events of all containers, which the engine keeps. The event watch has more for the time it was
 * subscribed. Null where the engine does not answer.
 */
async function events(
  connection: DockerConnection,
  id: string,
  created: number | null,
  deadline: Deadline,
): Promise<readonly ContainerEvent[] | null> {
  const found: ContainerEvent[] = [];
  const collect = async (): Promise<void> => {
    const until = (connection.clock.now() / 1000).toFixed(3);
    const query = {
      since: created ?? 0,
      until,
      filters: { container: [id], event: ['kill', 'pause', 'oom'] },
    };
    const stream = await connection.events(query);
    for await (const line of lines(stream.lines)) {
      const event = parseEvent(line);
      if (event !== null) found.push(event);
    }
  };
  const answered = await deadline.race(collect()).then(
    () => true,
    () => false,
  );
  return answered ? found : null;
}

/** The engine's clock is known to the second. */
const CLOCK_SLACK_S = 1.5;

/** From outside its namespace only KILL ends a PID 1 without signal handlers. STOP pauses it. */
function isDeadly(signal: string | null): boolean {
  return signal === '9' || signal === 'SIGKILL' || signal === 'KILL';
}
