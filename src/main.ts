import pino from 'pino';
import { buildApp } from './app.ts';
import { readConfig, type Config } from './config.ts';
import { serverToken, type ServerToken } from './http/token.ts';
import { ConfigurationError } from './policy/configuration-error.ts';
import { wireController, type Controller } from './wiring/controller.ts';
import { keepLimits, resume, stop, watchTraining } from './wiring/life-cycle.ts';

/** Starts the server and returns once it has stopped. */
async function main(): Promise<void> {
  const config = readConfig(process.env);
  const log = pino({ level: config.logLevel }, pino.destination({ dest: 2, sync: false }));
  const token = serverToken(config.token, config.dataDir);
  const controller = await wireController(config, log);
  const app = await buildApp({ ...controller, token: token.token });
  const stopping = new AbortController();
  const signalled = nextSignal();
  process.on('SIGHUP', () => void reloadOnSignal(controller, log));

  await resume(controller);
  const limits = Promise.all([
    keepLimits(controller, stopping.signal),
    watchTraining(controller, stopping.signal),
  ]);
  const address = await app.listen({ host: config.host, port: config.port });
  console.log(greeting(address, token, config));

  await Promise.race([signalled, limits]);
  log.info({ onStop: config.onStop }, 'stopping');
  stopping.abort();
  const closed = app.close();
  await stop(controller, config.onStop);
  // The last replies are being written. Clients keep idle connections open, which would delay the close.
  app.server.closeIdleConnections();
  await closed;
  await limits;
}

/** If the new configuration has mistakes, they are logged and the old one stays in use. */
async function reloadOnSignal({ reload }: Controller, log: pino.Logger): Promise<void> {
  try {
    await reload();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    log.error({ problems: error.problems }, 'configuration not reloaded');
  }
}

/** Resolves on SIGTERM or SIGINT; a second one kills the process as usual. */
function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
}

function greeting(address: string, { token, path }: ServerToken, config: Config): string {
  const tokenFrom = path === null ? 'FAULTLINE_TOKEN' : path;
  return `
faultline listens on ${address}
  journal  ${config.dataDir}/journal
  token    ${token}   (from ${tokenFrom})
  page     ${address}/

Try it:
curl -s ${address}/v1/tools/shell -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' \\
  -d '{"trace_id":"demo-1","call_id":"call-1","arguments":{"command":"uname -sr; id; python3 --version"}}'
`;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof ConfigurationError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
