import { parentPort } from 'node:worker_threads';
import { fitByTokens, headByTokens } from './fit-tokens.ts';
import type { FitRequest } from './token-budget.ts';

/** Runs in a worker thread: one request at a time, one answer per request. */
parentPort?.on('message', ({ transcript, budgetTokens, headOnly }: FitRequest) => {
  const fit = headOnly ? headByTokens : fitByTokens;
  parentPort?.postMessage(fit(transcript, budgetTokens));
});
