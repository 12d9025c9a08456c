import { join } from 'node:path';
import { liveCap, type LiveCap } from '../admission/live-cap.ts';
import type { Config } from '../config.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import { errorMessage } from '../kernel/errors.ts';
import type { Catalog, Policy } from '../policy/schema.ts';
import { seccompProfiles } from '../policy/seccomp.ts';
import { preflight } from '../preflight/host-checks.ts';
import { readHostFacts } from '../preflight/host-facts.ts';
import { TaskImages } from '../preflight/task-images.ts';
import { BUILT_SANDBOXD } from '../sandbox/docker/sandboxd-volume.ts';
import { DockerEngine } from '../sandbox/docker/docker-engine.ts';
import type { PolicyTrial } from '../sandbox/limit-findings.ts';
import { Egress } from '../sandbox/egress/egress.ts';
import { egressOf } from '../sandbox/egress/rules.ts';

interface EngineParts {
  readonly catalog: Catalog;
  readonly controllerId: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** The engine, the egress proxy that its sandboxes use, and how many sandboxes this host takes. */
export interface OpenEngine extends AsyncDisposable {
  readonly engine: DockerEngine;
  readonly cap: LiveCap;
  readonly taskImages: TaskImages;
  /** Takes over the sandbox policies of a catalog and tries them. @throws ConfigurationError where there is no egress proxy. */
  follow(catalog: Catalog): Promise<void>;
}

export async function openEngine(config: Config, parts: EngineParts): Promise<OpenEngine> {
  const { catalog, controllerId, clock, log } = parts;
  // Closed in the opposite order, also where a later part can't be opened.
  await using opened = new AsyncDisposableStack();
  const profiles = new Map<string, string>();
  // A part of the id is enough on one host, and the paths of sockets must be short.
  const folder = join(config.egressDir, controllerId.slice(0, 8));
  const egress = opened.use(new Egress({ folder, nameServers: config.egressDns, clock, log }));
  const follow = async ({ policies, tasks }: Catalog): Promise<void> => {
    for (const [name, profile] of seccompProfiles(config.policiesDir, policies.values()))
      profiles.set(name, profile);
    const lists = [...tasks.values()].map(({ policy }) => egressOf(policy)).filter((list) => list !== null);
    await egress.allow(lists);
  };
  await follow(catalog);
  const connecting = DockerEngine.connect({
    dockerHost: config.dockerHost ?? undefined,
    controllerId,
    clock,
    log,
    sandboxd: BUILT_SANDBOXD,
    seccompProfiles: profiles,
    egress,
    acceptedLimits: config.acceptedLimits,
  });
  const engine = opened.use(await connecting);
  const taskImages = new TaskImages({ catalog, images: engine.images, clock, log });
  const [cap] = await Promise.all([
    measureHost(engine, config.mostLive, log),
    tryPolicies(engine, policiesOf(catalog), log),
  ]);
  const all = opened.move();
  const end = async (): Promise<void> => {
    taskImages.close();
    await all.disposeAsync();
    await taskImages.idle();
  };
  const followAndTry = async (next: Catalog): Promise<void> => {
    await follow(next);
    await tryPolicies(engine, policiesOf(next), log);
  };
  return { engine, cap, taskImages, follow: followAndTry, [Symbol.asyncDispose]: end };
}

/** The sandbox policies that tasks use: no sandbox of another one is started. */
function policiesOf({ tasks }: Catalog): ReadonlySet<Policy> {
  return new Set([...tasks.values()].map(({ policy }) => policy));
}

/**
 * Tries every sandbox policy and says which limits the engine does not hold. Calls of a task whose sandbox policy is not
 * used answer 503. A trial that can't be made is made before the first sandbox.
 */
async function tryPolicies(engine: DockerEngine, policies: ReadonlySet<Policy>, log: Log): Promise<void> {
  const trials = await Promise.allSettled([...policies].map((policy) => engine.tryPolicy(policy)));
  for (const [position, settled] of trials.entries()) {
    const { name } = [...policies][position] ?? {};
    if (settled.status === 'rejected')
      log.warn({ policy: name, error: errorMessage(settled.reason) }, 'sandbox policy not tried');
    else reportTrial(settled.value, log);
  }
}

function reportTrial({ policy, findings, refusedFor }: PolicyTrial, log: Log): void {
  for (const { limit, asked, found, refuses } of findings) {
    const fields = { policy, limit, asked, found };
    if (refusedFor.includes(limit))
      log.error(fields, 'the engine does not hold this limit: the sandbox policy is not used');
    else if (refuses) log.warn(fields, 'the engine does not hold this limit, which is accepted');
    else log.info(fields, 'the engine does not hold this limit');
  }
}

/** How many sandboxes this host takes. What limits them without need goes into the log. */
async function measureHost(engine: DockerEngine, mostLive: number | null, log: Log): Promise<LiveCap> {
  const host = await readHostFacts();
  const cap = liveCap(host, mostLive);
  log.info({ ...cap }, 'sandboxes that may live at once');
  for (const { what, found, state, advice } of preflight(host, await engine.survey(), cap))
    if (state !== 'ok') log.warn({ what, found, advice }, 'preflight');
  return cap;
}
