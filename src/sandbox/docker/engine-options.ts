import type { Clock } from '../../kernel/clock.ts';
import type { LimitName } from '../limit-findings.ts';
import type { ClientTimes } from '../sandboxd-client.ts';
import type { Egress } from '../egress/egress.ts';
import type { SandboxdPaths } from './sandboxd-volume.ts';
import type { Log } from '../../kernel/log.ts';

export interface DockerEngineOptions {
  /** Format of DOCKER_HOST; absent: from the environment. */
  readonly dockerHost?: string | undefined;
  /** Part of the name and label of everything that is created. Letters, digits, `_`, `.`, `-`. */
  readonly controllerId: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Absent: the files built in this repository's `docker/`. */
  readonly sandboxd?: SandboxdPaths;
  /** seccomp profiles as JSON, by the name that sandbox policies use. */
  readonly seccompProfiles?: ReadonlyMap<string, string>;
  /** Serves sandbox policies that list hosts; absent: `start` refuses these. */
  readonly egress?: Egress;
  /** Limits that the engine may fail to hold; a sandbox policy is used without them. Absent: none. */
  readonly acceptedLimits?: ReadonlySet<LimitName>;
  readonly clientTimes?: Partial<ClientTimes>;
  /** How long one runtime may take to start a container when the engine is connected. */
  readonly runtimeProbeMs?: number;
}
