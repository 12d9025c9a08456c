import { createHash } from 'node:crypto';
import type { Policy } from '../../policy/schema.ts';

/** The hosts that sandboxes of one sandbox policy may connect to. */
export type EgressRules = readonly EgressRule[];
export type EgressRule = Exclude<Policy['network'], string>['egress'][number];

/** The rules of the sandbox policy; null where it lists no hosts. */
export function egressOf({ network }: Policy): EgressRules | null {
  return typeof network === 'string' ? null : network.egress;
}

/** Equal rules have equal keys. Letters and digits. */
export function rulesKey(rules: EgressRules): string {
  return createHash('sha256').update(JSON.stringify(rules)).digest('hex').slice(0, 12);
}
