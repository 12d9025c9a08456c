import type { Clock } from '../../kernel/clock.ts';
import type { ClientTimes } from '../sandboxd-client.ts';
import type { Egress } from '../egress/egress.ts';
import type { SandboxdPaths } from './sandboxd-volume.ts';
import type { Log } from '../../kernel/log.ts';

export interface DockerEngineOptions {
  /** As DOCKER_HOST has it; absent: as the environment says. */
  readonly dockerHost?: string | undefined;
  /** Names and labels everything that is made. Letters, digits, `_`, `.`, `-`. */
  readonly controllerId: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Absent: as built in this repository's `docker/`. */
  readonly sandboxd?: SandboxdPaths;
  /** seccomp profiles by the name that policies use, as JSON. */
  readonly seccompProfiles?: ReadonlyMap<string, string>;
  /** Behind policies that list hosts. */
  readonly egress?: Egress;
  readonly clientTimes?: Partial<ClientTimes>;
  /** What one runtime gets at boot to start a container. */
  readonly runtimeProbeMs?: number;
}
