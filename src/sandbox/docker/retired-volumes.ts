import { pause, type Clock } from '../../kernel/clock.ts';
import { Deadline } from '../../kernel/deadline.ts';
import { errorMessage } from '../../kernel/errors.ts';
import type { Log } from '../../kernel/log.ts';
import type { DockerConnection } from './docker-connection.ts';

/** The name that version 0.1.0 gave to the volume of its in-sandbox process. */
const RETIRED = /^faultline-agent-[0-9a-f]{16}$/;
const REQUEST_MS = 30_000;
/** Pause between two checks: hundreds of removals at once cause few list requests. */
const CHECK_PAUSE_MS = 1_000;

/**
 * Volumes that version 0.1.0 filled with its in-sandbox process. Sandboxes that 0.1.0 started and this version adopted
 * still read them: such a volume is a layer of the overlay that the sandbox mounts. The engine does not count that as use
 * and would remove the volume at any time. So a volume is removed only when no overlay on the engine, of any controller,
 * has it as a layer.
 *
 * A server of version 0.1.0 on the same engine without a sandbox at that moment loses its volume too. Its next start
 * fails once and fills the volume again; the model sees nothing of it.
 */
export class RetiredVolumes {
  readonly #connection: DockerConnection;
  readonly #clock: Clock;
  readonly #log: Log;
  #left: readonly string[] = [];
  #asked = false;
  #checking = false;

  constructor(connection: DockerConnection, clock: Clock, log: Log) {
    this.#connection = connection;
    this.#clock = clock;
    this.#log = log;
  }

  /** Removes unused volumes; the others go with their last sandbox. @throws SandboxFault where they can't be listed. */
  async removeUnused(deadline: Deadline): Promise<void> {
    await this.#removeUnused(deadline);
    if (this.#left.length === 0) return;
    this.#log.info({ volumes: this.#left }, 'volumes of version 0.1.0 are kept while its sandboxes use them');
  }

  /** To be called when a sandbox was removed: it may be a volume's last. Returns at once; no effect without such volumes. */
  sandboxRemoved(): void {
    this.#asked = this.#left.length > 0;
    if (this.#asked && !this.#checking) void this.#checkAgain();
  }

  async #checkAgain(): Promise<void> {
    this.#checking = true;
    try {
      while (this.#asked) {
        this.#asked = false;
        await this.#removeUnused(Deadline.after(this.#clock, 'engine_request', REQUEST_MS));
        await pause(this.#clock, CHECK_PAUSE_MS);
      }
    } catch (error) {
      this.#log.warn(
        { volumes: this.#left, error: errorMessage(error) },
        'volumes of version 0.1.0 not checked',
      );
    } finally {
      this.#checking = false;
    }
  }

  async #removeUnused(deadline: Deadline): Promise<void> {
    const retired = (await this.#list(deadline, { name: ['faultline-agent-'] })).filter(({ Name: name }) =>
      RETIRED.test(name),
    );
    const layers = retired.length === 0 ? [] : (await this.#list(deadline, {})).map(overlayOptions);
    const left: string[] = [];
    for (const { Name: name, Mountpoint: folder } of retired) {
      const used = layers.some((options) => options.includes(`${folder}/`));
      if (used || !(await this.#remove(name, deadline))) left.push(name);
    }
    this.#left = left;
  }

  async #list(deadline: Deadline, filters: Readonly<Record<string, string[]>>): Promise<readonly Volume[]> {
    const listing = this.#connection.docker.listVolumes({ filters });
    return (await this.#connection.ask('list', deadline, listing)).Volumes;
  }

  async #remove(name: string, deadline: Deadline): Promise<boolean> {
    const removal: Promise<unknown> = this.#connection.docker.getVolume(name).remove();
    try {
      await this.#connection.ask('remove', deadline, removal);
      this.#log.info({ volume: name }, 'volume of version 0.1.0 removed: no sandbox uses it');
      return true;
    } catch (error) {
      this.#log.warn({ volume: name, error: errorMessage(error) }, 'volume of version 0.1.0 not removed');
      return false;
    }
  }
}

interface Volume {
  readonly Name: string;
  readonly Mountpoint: string;
  readonly Options: Readonly<Record<string, string>> | null;
}

const overlayOptions = ({ Options: options }: Volume): string => options?.['o'] ?? '';
