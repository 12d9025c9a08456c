import type { EngineCapabilities } from '../../../src/sandbox/sandbox.ts';

export const FULL: EngineCapabilities = {
  imageAt: 'start',
  networks: true,
  egressLists: true,
  ownUsers: true,
  diskLimit: true,
  counters: true,
  foreignKills: true,
  foreignPauses: true,
};

/** As little as the contract allows. */
export const BARE: EngineCapabilities = {
  imageAt: 'claim',
  networks: false,
  egressLists: false,
  ownUsers: false,
  diskLimit: false,
  counters: false,
  foreignKills: false,
  foreignPauses: false,
};
