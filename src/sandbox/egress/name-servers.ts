import { Resolver } from 'node:dns/promises';
import { errorCode } from '../../kernel/errors.ts';
import { SingleFlight } from '../../kernel/single-flight.ts';

const RESOLVE_MS = 5_000;
/** Answers for a name without an address; any other error means that the name servers did not answer. */
const ANSWERS = new Set<unknown>(['ENOTFOUND', 'ENODATA']);

/** The name servers of the proxy. */
export class NameServers {
  readonly #resolver = new Resolver({ timeout: RESOLVE_MS, tries: 1 });
  readonly #lookups = new SingleFlight<string, 'found' | 'not-found' | 'unreachable'>();

  /** @param addresses IP addresses; empty: those of /etc/resolv.conf. */
  constructor(addresses: readonly string[]) {
    if (addresses.length > 0) this.#resolver.setServers([...addresses]);
  }

  /** `not-found`: they answer that the name has no address. `unreachable`: they do not answer. */
  ask(host: string): Promise<'found' | 'not-found' | 'unreachable'> {
    return this.#lookups.run(host, async () => {
      try {
        await this.#resolver.resolve4(host);
        return 'found';
      } catch (error) {
        return ANSWERS.has(errorCode(error)) ? 'not-found' : 'unreachable';
      }
    });
  }
}
