import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import { readHostFacts } from '../preflight/host-facts.ts';
import { liveCap } from '../admission/live-cap.ts';
import { preflight, type Check } from '../preflight/host-checks.ts';
import { systemClock } from '../kernel/clock.ts';
import type { Policy } from '../policy/schema.ts';
import { ConfigurationError } from '../policy/configuration-error.ts';
import { policyChecks } from '../preflight/policy-checks.ts';
import { DockerEngine } from '../sandbox/docker/docker-engine.ts';
import type { DockerEngineOptions } from '../sandbox/docker/engine-options.ts';
import type { RuntimeTrial } from '../sandbox/docker/engine-survey.ts';
import { SandboxFault } from '../sandbox/sandbox.ts';
import { readConfigured, type Configured } from './configuration.ts';
import { printJson } from './options.ts';
import { table } from './terminal.ts';

/** Log lines of the engine would break the table. */
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      'What limits the number of sandboxes on this host, and what to change; starts one container per runtime and sandbox policy',
    )
    .option('--json', 'JSON instead of tables')
    .action(async ({ json }: { json?: true }) => {
      const found = await examine();
      if (json === true) printJson(found);
      else print(found);
      if (found.checks.some(({ state }) => state === 'bad')) process.exitCode = 1;
    });
}

interface Diagnosis {
  readonly checks: readonly Check[];
  readonly runtimes: readonly RuntimeTrial[];
  readonly sandboxes: number;
  readonly boundBy: string;
}

async function examine(): Promise<Diagnosis> {
  const dockerHost = process.env['DOCKER_HOST'];
  const controllerId = `doctor-${randomBytes(4).toString('hex')}`;
  const configured = configuredOrNull();
  await using engine = await connect({ ...configured, controllerId, dockerHost });
  const host = await readHostFacts();
  const cap = liveCap(host);
  const survey = await engine.survey();
  return {
    checks: [...preflight(host, survey, cap), ...(await checkPolicies(engine, configured))],
    runtimes: await engine.tryRuntimes(survey.runtimes),
    sandboxes: cap.cap,
    boundBy: cap.boundBy,
  };
}

/** Null where there are no configuration files here, or files with mistakes: the host can be examined without them. */
function configuredOrNull(): Configured | null {
  try {
    return readConfigured();
  } catch (error) {
    if (error instanceof ConfigurationError) return null;
    throw error;
  }
}

/** Tries the sandbox policies that tasks use; not those that need the server's egress proxy. */
async function checkPolicies(engine: DockerEngine, configured: Configured | null): Promise<readonly Check[]> {
  if (configured === null)
    return [
      {
        what: 'sandbox policies',
        found: 'no configuration that can be read in FAULTLINE_POLICIES',
        sandboxes: null,
        state: 'warn',
        advice: 'faultline tasks check names mistakes',
      },
    ];
  const policies = new Set([...configured.catalog.tasks.values()].map(({ policy }) => policy));
  const tried = [...policies].filter(({ network }) => typeof network === 'string');
  return (await Promise.all(tried.map((policy) => checkPolicy(engine, policy)))).flat();
}

async function checkPolicy(engine: DockerEngine, policy: Policy): Promise<readonly Check[]> {
  try {
    return policyChecks([await engine.tryPolicy(policy)]);
  } catch (error) {
    if (!(error instanceof SandboxFault)) throw error;
    const what = `sandbox policy ${policy.name}`;
    const found = `no sandbox starts: ${error.message}`;
    return [{ what, found, sandboxes: null, state: 'bad', advice: null }];
  }
}

async function connect(
  options: Pick<DockerEngineOptions, 'controllerId' | 'dockerHost'> & Partial<Configured>,
): Promise<DockerEngine> {
  try {
    return await DockerEngine.connect({ ...options, clock: systemClock, log: silent });
  } catch (error) {
    if (!(error instanceof SandboxFault)) throw error;
    const where = options.dockerHost ?? 'the usual local socket';
    throw new Error(`no container engine answers at ${where}: ${error.message}`, { cause: error });
  }
}

const signs = { ok: 'ok', warn: 'advice below', bad: 'WILL FAIL' } as const;

function print({ checks, runtimes, sandboxes, boundBy }: Diagnosis): void {
  const rows = checks.map(({ what, found, sandboxes: allowed, state }) => [
    what,
    found,
    allowed,
    signs[state],
  ]);
  console.log(table(['', 'found', 'sandboxes', ''], rows));
  const trials = runtimes.map(({ runtime, startMs, problem }) => [
    runtime,
    startMs === null ? 'does not work here' : `${String(Math.round(startMs))} ms to start one sandbox`,
    problem,
  ]);
  console.log(`\n${table(['runtime', '', ''], trials)}`);
  console.log(`\n${String(sandboxes)} sandboxes at the same time on this host, limited by ${boundBy}.`);
  const advised = checks.filter(({ advice }) => advice !== null);
  if (advised.length > 0) console.log('\nTo change:');
  for (const { what, advice } of advised) console.log(`  ${what}: ${String(advice)}`);
}
