import { Resolver } from 'node:dns/promises';
import { pause, type Clock } from '../../kernel/clock.ts';
import { errorCode } from '../../kernel/errors.ts';
import { SingleFlight } from '../../kernel/single-flight.ts';

const RESOLVE_MS = 5_000;
/** How often the listed names are asked for, and how often while none is known to be good. */
const LEARN_MS = 60_000;
const LEARN_FIRST_MS = 5_000;
/** Asked for its name servers, which every name server can say something to, even one that refuses. */
const ROOT = '.';
/** Errors by which a name server says something. The others are silence, or its own failure to find out. */
const SAID = new Set<unknown>(['ENOTFOUND', 'ENODATA', 'EREFUSED', 'ENOTIMP', 'EFORMERR']);
/** Errors that are about the name: it does not exist, has no address, or can't be asked for (a label of 64 letters). */
const ABOUT_THE_NAME = new Set<unknown>(['ENOTFOUND', 'ENODATA', 'EBADNAME', 'EBADQUERY']);

/** Of the DNS lookups of `Resolver`, those that are used. */
export interface Lookups {
  resolve4(host: string): Promise<readonly string[]>;
  resolveNs(host: string): Promise<readonly string[]>;
}

/**
 * The name servers of the proxy. They are held to have failed only where names fail that are known to be good: names of the
 * operator's that they have answered before, and the root. A name that a model asks for proves nothing about them: it may
 * be malformed, or of a zone whose own servers are broken.
 */
export class NameServers {
  readonly #lookups: Lookups;
  readonly #asking = new SingleFlight<string, boolean>();
  /** Names to learn from: hosts that sandbox policies list. */
  readonly #listed = new Set<string>([ROOT]);
  /** Names that our own question has had an answer for. */
  readonly #good = new Set<string>();

  /** @param addresses IP addresses; empty: those of /etc/resolv.conf. */
  constructor(addresses: readonly string[], lookups: Lookups = resolverOf(addresses)) {
    this.#lookups = lookups;
  }

  /** Hosts of sandbox policies. Patterns such as `.example.org` are no names, and are ignored. */
  list(hosts: readonly string[]): void {
    for (const host of hosts) if (!host.startsWith('.')) this.#listed.add(host);
  }

  /** Learns now and then until aborted: until a name is known, no failure of names can be shown to be ours. */
  async keepLearning(clock: Clock, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.learn();
      await pause(clock, this.#good.size > 0 ? LEARN_MS : LEARN_FIRST_MS, signal);
    }
  }

  /** Asks for the listed names. Those that are answered are known to be good from now on. */
  async learn(): Promise<void> {
    await Promise.all(
      [...this.#listed].map(async (name) => {
        if (await this.#answers(name)) this.#good.add(name);
      }),
    );
  }

  /** Whether a sandbox's failure to reach a host may be ours: its name exists as far as they say, or they say nothing. */
  async mayHaveFailed(host: string, error: string): Promise<boolean> {
    try {
      await this.#lookups.resolve4(host);
      return error === 'ERR_DNS_FAIL';
    } catch (failure) {
      return !ABOUT_THE_NAME.has(errorCode(failure));
    }
  }

  /** Every name that is known to be good, outside the failed host's zone, fails now. False where none is known. */
  async haveFailed(host: string): Promise<boolean> {
    const others = [...this.#good].filter((name) => zoneOf(name) !== zoneOf(host));
    const answers = await Promise.all(others.map((name) => this.#answers(name)));
    return answers.length > 0 && !answers.includes(true);
  }

  #answers(name: string): Promise<boolean> {
    return this.#asking.run(name, async () => {
      try {
        if (name === ROOT) await this.#lookups.resolveNs(ROOT);
        else await this.#lookups.resolve4(name);
        return true;
      } catch (error) {
        return name === ROOT && SAID.has(errorCode(error));
      }
    });
  }
}

/** The last two labels: names of one zone usually share them, and fail together. */
const zoneOf = (name: string): string => name.toLowerCase().split('.').filter(Boolean).slice(-2).join('.');

function resolverOf(addresses: readonly string[]): Lookups {
  const resolver = new Resolver({ timeout: RESOLVE_MS, tries: 1 });
  if (addresses.length > 0) resolver.setServers([...addresses]);
  return resolver;
}
