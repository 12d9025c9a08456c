import type { AdapterParts, ForeignCall, ForeignReply, ForeignVerb } from './foreign-verb.ts';
import { runCodeVerb } from './sandbox-fusion.ts';
import { sweRexVerbs } from './swe-rex.ts';

/** The endpoints of other projects that this server speaks. */
export interface Adapters {
  /**
   * SandboxFusion's `POST /run_code`.
   *
   * @param options `once`: the rollout was made for this request and ends with it.
   */
  readonly runCode: (call: ForeignCall, options: { readonly once: boolean }) => Promise<ForeignReply>;
  /** The endpoints of a SWE-ReX runtime server, by name. */
  readonly sweRex: ReadonlyMap<string, ForeignVerb>;
}

export function adaptersOf(parts: AdapterParts): Adapters {
  return { runCode: runCodeVerb(parts), sweRex: sweRexVerbs(parts) };
}
