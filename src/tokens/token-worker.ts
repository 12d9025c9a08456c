import { parentPort } from 'node:worker_threads';
import type { FitRequest } from './fit-bytes.ts';
import { fitByTokens } from './fit-tokens.ts';

/** Runs in a worker thread: one request at a time, one answer per request. */
parentPort?.on('message', (request: FitRequest) => {
  parentPort?.postMessage(fitByTokens(request));
});
