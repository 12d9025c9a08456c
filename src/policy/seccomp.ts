import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Policy } from './schema.ts';

const condition = z.strictObject({
  argument: z.int().min(0).max(5),
  /** The argument is masked with this before the comparison. Absent: all 64 bits are compared. */
  mask: z.int().min(0).optional(),
  equals: z.int().min(0),
});

/** Names of system calls, separated by white space. */
const calls = z.string().transform((text) => text.trim().split(/\s+/));

const group = z.strictObject({
  why: z.string(),
  allow: calls,
  /** The call is allowed if all conditions of one of these lists hold. Absent: it is always allowed. */
  when: z.array(z.array(condition).min(1)).min(1).optional(),
  /** The calls are refused with this error number. Absent: they are allowed. */
  errno: z.int().positive().optional(),
});

/** The commented source of a profile, `policies/seccomp/<name>.yaml`. */
export const seccompSourceSchema = z.strictObject({
  architectures: z.array(z.string()).min(1),
  refuse_with: z.int().positive(),
  groups: z.array(group).min(1),
  /** What the groups leave out although an ordinary container has it, and why. For readers and tests only. */
  refused: z.array(z.strictObject({ calls, why: z.string() })),
});

export type SeccompSource = z.output<typeof seccompSourceSchema>;

/** A profile in Docker's form, which is not the OCI form: `archMap` instead of `architectures`. */
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

/** The profile that sandbox policies name, as the JSON that is sent to the engine. @throws the error of reading the file. */
export function readSeccompProfile(policiesDir: string, name: string): string {
  return JSON.stringify(JSON.parse(readFileSync(join(policiesDir, 'seccomp', `${name}.json`), 'utf8')));
}

/** Every profile that a sandbox policy names, by name. */
export function seccompProfiles(
  policiesDir: string,
  policies: Iterable<Policy>,
): ReadonlyMap<string, string> {
  const names = new Set([...policies].map(({ seccomp }) => seccomp).filter((name) => name !== 'engine'));
  return new Map([...names].map((name) => [name, readSeccompProfile(policiesDir, name)]));
}
