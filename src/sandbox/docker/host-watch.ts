import { pause, type Clock } from '../../kernel/clock.ts';
import { Deadline } from '../../kernel/deadline.ts';
import type { Log } from '../../kernel/log.ts';
import { SingleFlight } from '../../kernel/single-flight.ts';
import type { HostReading } from '../../outcome/evidence.ts';
import type { CallReport } from '../sandbox.ts';
import { findCgroupPaths, HOST_ROOTS, type CgroupPaths, type HostRoots } from './cgroup-paths.ts';
import { CpuWeights } from './cpu-weights.ts';
import { HostUse } from './host-use.ts';
import { missing, type Missing } from './missing.ts';

const LOOK_MS = 500;
const LEARN_MS = 10_000;
/** After a sandbox whose control group was not found, another one is tried no sooner than this. */
const LEARN_AGAIN_MS = 60_000;

export interface WatchParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Ids of the live sandboxes. */
  readonly sandboxes: () => Iterable<string>;
  /** The host's number of a container's first process; 0 where it doesn't run. */
  readonly pidOf: (id: string, deadline: Deadline) => Promise<number>;
  readonly roots?: HostRoots;
}

/** The state of the host's account of a sandbox when a call begins. */
export interface HostMark {
  readonly atMs: number;
  readonly limitHits: number;
}

/**
 * Looks at the sandboxes from the host, twice a second: measures their use, and sets their CPU weights by it. Where their
 * control groups can't be found, which is logged once, nothing is measured, and no shortage of the host can be shown.
 */
export class HostWatch implements Disposable {
  readonly #parts: WatchParts;
  readonly #stopped = new AbortController();
  readonly #fresh = new SingleFlight<'look', void>();
  #found: { readonly use: HostUse; readonly weights: CpuWeights } | null = null;
  #failedAt = -Infinity;

  constructor(parts: WatchParts) {
    this.#parts = parts;
    void this.#keep();
  }

  /** Learns from this running sandbox where control groups are, unless that is known. @returns whether it is known now. */
  async learn(id: string): Promise<boolean> {
    if (this.#found !== null) return true;
    const { clock, log, pidOf, roots } = this.#parts;
    const deadline = Deadline.after(clock, 'engine_request', LEARN_MS);
    const pid = await pidOf(id, deadline).catch(() => 0);
    const paths = await findCgroupPaths(id, pid, roots);
    if (paths !== null) {
      this.#found = this.#with(paths);
      // The limits above sandboxes are known from now on, whoever lowers them later.
      await this.#found.use.look(new Set(this.#parts.sandboxes()));
    } else if (this.#failedAt === -Infinity)
      log.warn(
        {},
        'the control groups of sandboxes are not visible here: no shortage of the host can be shown',
      );
    if (paths === null) this.#failedAt = clock.monotonic();
    return paths !== null;
  }

  #with(paths: CgroupPaths): { readonly use: HostUse; readonly weights: CpuWeights } {
    const { clock, log, roots } = this.#parts;
    return { use: new HostUse(paths, roots ?? HOST_ROOTS, clock), weights: new CpuWeights(paths, log) };
  }

  /** To be called when a call begins in the sandbox. */
  began(id: string): HostMark {
    const { use, weights } = this.#found ?? {};
    use?.began(id);
    void weights?.began(id, use?.measured.get(id)?.usedUs ?? 0);
    return { atMs: this.#parts.clock.monotonic(), limitHits: use?.limitHits(id) ?? 0 };
  }

  /** What the host can say about what the call lacked; nothing where it lacked nothing. */
  async since(
    id: string,
    mark: HostMark,
    report: CallReport,
  ): Promise<{ readonly sandboxesUsed?: number; readonly host?: HostReading }> {
    const lacked = missing(report);
    const use = this.#found?.use;
    if (use === undefined || !(lacked.processors || lacked.memory || lacked.processes)) return {};
    await this.#fresh.run('look', () => use.look(new Set(this.#parts.sandboxes()), true));
    const used = lacked.processors ? await use.processorsUsed(mark.atMs) : null;
    const host = await readingOf(use, id, mark, lacked);
    return {
      ...(used !== null && { sandboxesUsed: used }),
      ...(Object.keys(host).length > 0 && { host }),
    };
  }

  async #keep(): Promise<void> {
    const { signal } = this.#stopped;
    const { clock, sandboxes } = this.#parts;
    for (;;) {
      await pause(clock, LOOK_MS, signal);
      if (signal.aborted) return;
      const live = new Set(sandboxes());
      const [one] = live;
      if (this.#found === null && one !== undefined && clock.monotonic() - this.#failedAt > LEARN_AGAIN_MS)
        await this.learn(one);
      if (this.#found === null) continue;
      const { use, weights } = this.#found;
      await use.look(live);
      await weights.adjust(use.measured);
    }
  }

  [Symbol.dispose](): void {
    this.#stopped.abort();
  }
}

async function readingOf(use: HostUse, id: string, mark: HostMark, lacked: Missing): Promise<HostReading> {
  const memory = lacked.memory ? await use.memory(id, mark.atMs, mark.limitHits) : null;
  const processes = lacked.processes ? await use.processes(lacked.freed) : null;
  return { ...(memory !== null && { memory }), ...(processes !== null && { processes }) };
}
