import type { RemovalQueue } from '../admission/removal-queue.ts';
import type { SandboxSupply } from '../admission/sandbox-supply.ts';
import type { Journal } from '../journal/journal.ts';
import type { Clock } from '../kernel/clock.ts';
import type { SandboxEngine } from '../sandbox/sandbox.ts';
import { Losses } from './losses.ts';
import type { Recovery } from './recovery.ts';
import { RolloutEnds } from './rollout-ends.ts';
import { SandboxBinding } from './sandbox-binding.ts';
import { SandboxClaims } from './sandbox-claims.ts';
import { StartPlaces } from './start-places.ts';

export interface SandboxParts {
  readonly supply: SandboxSupply;
  readonly removals: RemovalQueue;
  readonly engine: SandboxEngine;
  readonly recovery: Recovery;
  readonly journal: Journal;
  readonly clock: Clock;
}

/** What rollouts do with sandboxes, one job each. */
export interface Sandboxes {
  readonly claims: SandboxClaims;
  readonly places: StartPlaces;
  readonly binding: SandboxBinding;
  readonly losses: Losses;
  readonly ends: RolloutEnds;
}

/** Puts the parts together. Nothing runs until one of them is called. */
export function openSandboxes(parts: SandboxParts): Sandboxes {
  const losses = new Losses(parts);
  const places = new StartPlaces(parts);
  const binding = new SandboxBinding({ ...parts, losses });
  const claims = new SandboxClaims({ ...parts, places, binding });
  const ends = new RolloutEnds({ ...parts, places });
  return { claims, places, binding, losses, ends };
}
