import { ADOPTION } from './adoption.ts';
import { CALLS } from './calls.ts';
import { EVIDENCE } from './evidence.ts';
import { LIMITS } from './limits.ts';
import { LISTING } from './listing.ts';
import { LOSS } from './loss.ts';
import { NETWORK } from './network.ts';
import type { EnginePromise } from './promise.ts';
import { REACH } from './reach.ts';
import { START } from './start.ts';

/** What every engine promises. */
export const PROMISES: readonly EnginePromise[] = [
  ...START,
  ...CALLS,
  ...LOSS,
  ...ADOPTION,
  ...LISTING,
  ...LIMITS,
  ...NETWORK,
  ...EVIDENCE,
  ...REACH,
];
