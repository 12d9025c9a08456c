import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getContainerRuntimeClient } from 'testcontainers';
import { parse } from 'yaml';
import { z } from 'zod';
import { TestContainer } from './test-container.ts';

const FILE = join(import.meta.dirname, '../../../docker/compose.yaml');
const ENGINE_SOCKET = '/var/run/docker.sock';
const PORT = 8080;

/** The keys that `ComposeService` understands. Any other in the file is an error: the test would not show it. */
const serviceSchema = z.strictObject({
  image: z.string().startsWith('localhost/'),
  pull_policy: z.literal('never'),
  restart: z.literal('unless-stopped'),
  ports: z.tuple([z.literal(`127.0.0.1:${String(PORT)}:${String(PORT)}`)]),
  environment: z.record(z.string(), z.string()),
  volumes: z.array(z.string().regex(/^[^:]+:[^:]+(:ro)?$/)),
  read_only: z.literal(true),
  tmpfs: z.array(z.string()),
  cap_drop: z.array(z.string()),
  security_opt: z.array(z.string()),
  stop_grace_period: z.string().regex(/^\d+s$/),
});
type Service = z.output<typeof serviceSchema>;

const fileSchema = z.strictObject({
  services: z.strictObject({ controller: serviceSchema }),
  volumes: z.strictObject({ data: z.null() }),
});

export interface Deployment {
  /** On loopback. The file's own may be in use. */
  readonly port: number;
  /** In place of the volume `data`. */
  readonly volume: string;
  /** What the file takes from the caller's environment. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The service of docker/compose.yaml as a container, as Compose would make it but for port and volume name. */
export class ComposeService extends TestContainer {
  readonly stopGraceMs: number;

  private constructor(service: Service, { port, volume, environment }: Deployment, engineSocket: string) {
    super(service.image);
    this.stopGraceMs = Number.parseInt(service.stop_grace_period, 10) * 1_000;
    for (const [name, value] of Object.entries(service.environment))
      this.withEnvironment({ [name]: filled(value, environment) });
    this.withBindMounts(
      service.volumes.map((line) => {
        const [source = '', target = '', mode = 'rw'] = line.split(':');
        const moved = new Map([['data', volume], [ENGINE_SOCKET, engineSocket]]).get(source) ?? source; // prettier-ignore
        return { source: moved, target, mode: mode === 'ro' ? 'ro' : 'rw' };
      }),
    );
    this.withTmpFs(Object.fromEntries(service.tmpfs.map((path) => [path, ''])));
    this.withDroppedCapabilities(...service.cap_drop);
    this.withSecurityOpt(...service.security_opt);
    this.withLoopbackPort(PORT, port);
    this.hostConfig.ReadonlyRootfs = service.read_only;
    this.hostConfig.RestartPolicy = { Name: service.restart };
  }

  static async from(deployment: Deployment): Promise<ComposeService> {
    const { services } = fileSchema.parse(parse(readFileSync(FILE, 'utf8')));
    const { info } = await getContainerRuntimeClient();
    return new ComposeService(services.controller, deployment, info.containerRuntime.remoteSocketPath);
  }
}

/** `${NAME:?message}` and `${NAME:-default}` as Compose reads them. */
function filled(value: string, environment: Readonly<Record<string, string>>): string {
  return value.replaceAll(/\$\{(\w+):([?-])([^}]*)\}/g, (_, name: string, kind: string, text: string) => {
    const found = environment[name] ?? (kind === '-' ? text : null);
    if (found === null) throw new Error(`${name}: ${text}`);
    return found;
  });
}
