import { createHash } from 'node:crypto';
import type { Policy } from '../../policy/schema.ts';

/** Where sandboxes of one policy may connect to. */
export type EgressRules = readonly EgressRule[];
export type EgressRule = Exclude<Policy['network'], string>['egress'][number];

/** The policy's rules, or null where it has no egress proxy. */
export function egressOf({ network }: Policy): EgressRules | null {
  return typeof network === 'string' ? null : network.egress;
}

/** Names equal rules by equal text. Letters and digits. */
export function rulesKey(rules: EgressRules): string {
  return createHash('sha256').update(JSON.stringify(rules)).digest('hex').slice(0, 12);
}
