import { Resolver } from 'node:dns/promises';
import { errorCode } from '../../kernel/errors.ts';
import { SingleFlight } from '../../kernel/single-flight.ts';

const RESOLVE_MS = 5_000;
/** What the name servers say of a name that leads nowhere; anything else is no answer. */
const ANSWERS = new Set<unknown>(['ENOTFOUND', 'ENODATA']);

/** The name servers that the proxy asks too. */
export class NameServers {
  readonly #resolver = new Resolver({ timeout: RESOLVE_MS, tries: 1 });
  readonly #lookups = new SingleFlight<string, 'leads' | 'nowhere' | 'away'>();

  /** @param addresses None: those of /etc/resolv.conf. */
  constructor(addresses: readonly string[]) {
    if (addresses.length > 0) this.#resolver.setServers([...addresses]);
  }

  /** `nowhere`: they know that there is no such name. `away`: they could not be asked. */
  ask(host: string): Promise<'leads' | 'nowhere' | 'away'> {
    return this.#lookups.run(host, async () => {
      try {
        await this.#resolver.resolve4(host);
        return 'leads';
      } catch (error) {
        return ANSWERS.has(errorCode(error)) ? 'nowhere' : 'away';
      }
    });
  }
}
