import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Policy } from './schema.ts';

const condition = z.strictObject({
  argument: z.int().min(0).max(5),
  /** Compared after this mask; absent: the whole 64 bits. */
  mask: z.int().min(0).optional(),
  equals: z.int().min(0),
});

/** Names of system calls, separated by white space. */
const calls = z.string().transform((text) => text.trim().split(/\s+/));

const group = z.strictObject({
  why: z.string(),
  allow: calls,
  /** Alternatives, each a list of conditions that must all hold. Absent: always. */
  when: z.array(z.array(condition).min(1)).min(1).optional(),
  /** Refused with this error number instead of allowed. */
  errno: z.int().positive().optional(),
});

/** The commented source of a profile, `policies/seccomp/<name>.yaml`. */
export const seccompSourceSchema = z.strictObject({
  architectures: z.array(z.string()).min(1),
  refuse_with: z.int().positive(),
  groups: z.array(group).min(1),
  /** What a reader misses in the groups, and why. */
  refused: z.array(z.strictObject({ calls, why: z.string() })),
});

export type SeccompSource = z.output<typeof seccompSourceSchema>;

/** A profile in the form Docker takes (not the OCI one: `archMap` instead of `architectures`). */
export function seccompProfile(source: SeccompSource): object {
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: source.refuse_with,
    archMap: source.architectures.map((architecture) => ({ architecture, subArchitectures: [] })),
    syscalls: source.groups.flatMap(entries),
  };
}

function entries({ why, allow, when, errno }: SeccompSource['groups'][number]): object[] {
  const entry = {
    comment: why,
    names: allow,
    ...(errno === undefined ? { action: 'SCMP_ACT_ALLOW' } : { action: 'SCMP_ACT_ERRNO', errnoRet: errno }),
  };
  return when === undefined
    ? [entry]
    : when.map((conditions) => ({ ...entry, args: conditions.map(argument) }));
}

function argument({ argument: index, mask, equals }: z.output<typeof condition>): object {
  return mask === undefined
    ? { index, value: equals, op: 'SCMP_CMP_EQ' }
    : { index, value: mask, valueTwo: equals, op: 'SCMP_CMP_MASKED_EQ' };
}

/** The profile that policies call by this name, as the JSON that goes to the engine. @throws what reading throws. */
export function readSeccompProfile(policiesDir: string, name: string): string {
  return JSON.stringify(JSON.parse(readFileSync(join(policiesDir, 'seccomp', `${name}.json`), 'utf8')));
}

/** Every profile that a policy names, by its name. */
export function seccompProfiles(
  policiesDir: string,
  policies: Iterable<Policy>,
): ReadonlyMap<string, string> {
  const names = new Set([...policies].map(({ seccomp }) => seccomp).filter((name) => name !== 'engine'));
  return new Map([...names].map((name) => [name, readSeccompProfile(policiesDir, name)]));
}
