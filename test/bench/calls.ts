import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { buildImages, writeConfiguration } from '../demo/images.ts';
import { Platform } from '../demo/platform.ts';
import { Server } from '../demo/server.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { Deadline } from '../../src/kernel/deadline.ts';
import { loadCatalog } from '../../src/policy/load.ts';
import { DockerConnection } from '../../src/sandbox/docker/docker-connection.ts';
import { BareSandboxd, BashAlone, DockerExec, HttpCalls } from './call-ways.ts';
import { renderTable, summary } from './call-table.ts';
import { Walk } from './walk-way.ts';
import { interleaved } from './interleaved.ts';
import { underLoad } from './load.ts';

/**
 * The cost of a call: through HTTP, without HTTP, without a journal, by sandboxd alone, by the engine's exec in two
 * runtimes, and by bash alone on this machine, interleaved in one run. Then the calls per second of 100 sandboxes together.
 * There is no warm pool, because refilling it would use both cores during the measurement.
 */

interface Arguments {
  readonly rounds: string;
  readonly sandboxes: string;
  readonly seconds: string;
  readonly json?: string;
}

const given = new Command('bench:calls')
  .option('--rounds <n>', 'calls of each way', '150')
  .option('--sandboxes <n>', 'sandboxes under load, one call at a time each', '100')
  .option('--seconds <n>', 'time under load', '6')
  .option('--json <file>', 'also write the figures to a file')
  .parse()
  .opts<Arguments>();

async function main(): Promise<void> {
  await using cleanup = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'faultline-bench-'));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const connection = new DockerConnection(systemClock);
  await buildImages(connection, new Map());
  const configuration = await writeConfiguration(folder, [], { pool: { min: 0, max: 0 } });
  const server = cleanup.use(await Server.start(folder, configuration));
  const platform = cleanup.use(new Platform(server.url, server.token));
  const catalog = loadCatalog({
    ...configuration,
    taskFile: join(configuration.policiesDir, 'tasks.yaml'),
  });

  const http = cleanup.use(await HttpCalls.open(platform));
  const flushed = cleanup.use(
    await Walk.open({ ...configuration, catalog }, join(folder, 'flushed'), 'flushed'),
  );
  const forgotten = cleanup.use(
    await Walk.open({ ...configuration, catalog }, join(folder, 'forgotten'), 'forgotten'),
  );
  const sandboxd = cleanup.use(await BareSandboxd.start({ ...configuration, catalog }));
  const { runtimes } = await connection.info(Deadline.after(systemClock, 'engine_request', 10_000));
  const crun = cleanup.use(await DockerExec.start(connection, runtimes.includes('crun') ? 'crun' : 'runc'));
  const runc = cleanup.use(await DockerExec.start(connection, 'runc'));
  const bash = cleanup.use(new BashAlone());
  const ways = await interleaved(
    { http, flushed, forgotten, sandboxd, crun, runc, bash },
    Number(given.rounds),
  );
  const load = await underLoad(platform, Number(given.sandboxes), Number(given.seconds) * 1000);
  const figures = summary(ways, load);
  console.log(renderTable(figures));
  if (given.json !== undefined) await writeFile(given.json, JSON.stringify(figures, null, 2));
}

await main();
