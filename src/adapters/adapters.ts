import type { AdapterParts } from './foreign-verb.ts';
import { runCodeVerb } from './sandbox-fusion.ts';
import { sweRexVerbs } from './swe-rex.ts';

/** Every protocol of another project that is spoken here. */
export function adaptersOf(parts: AdapterParts) {
  return { runCode: runCodeVerb(parts), sweRex: sweRexVerbs(parts) };
}
