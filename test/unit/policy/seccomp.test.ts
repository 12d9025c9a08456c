import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { readSeccompProfile, seccompProfile, seccompSourceSchema } from '../../../src/policy/seccomp.ts';

const source = seccompSourceSchema.parse(parse(readFileSync('policies/seccomp/sandbox.yaml', 'utf8')));
const allowed = source.groups.flatMap(({ allow }) => allow);

test('the profile that goes to the engine is the one its commented source makes (npm run seccomp)', () => {
  expect(JSON.parse(readSeccompProfile('policies', 'sandbox'))).toEqual(seccompProfile(source));
});

test('no call is allowed twice, none that the source says is refused', () => {
  expect(allowed.filter((name, position) => allowed.indexOf(name) !== position)).toEqual([]);
  const refused = source.refused.flatMap(({ calls }) => calls);
  expect(refused.filter((name) => allowed.includes(name))).toEqual([]);
});

test('a socket is allowed by exact families alone: no negated condition, which set upper bits would pass', () => {
  const families = source.groups.find(({ allow }) => allow.includes('socket'))?.when ?? [];
  expect(families.map(([first]) => first)).toEqual([1, 2, 10, 16].map((equals) => ({ argument: 0, equals })));
});

test("prlimit64 is allowed on the caller alone: sandboxd, PID 1, has root's user number too", () => {
  const groups = source.groups.filter(({ allow }) => allow.includes('prlimit64'));
  expect(groups.map(({ when }) => when)).toEqual([[[{ argument: 0, equals: 0 }]]]);
});

test('alternatives become entries of their own, conditions of one entry hold together', () => {
  const when = [[{ argument: 0, equals: 1 }], [{ argument: 0, mask: 6, equals: 2 }, { argument: 2, equals: 0 }]]; // prettier-ignore
  const group = { why: 'because', allow: ['socket'], when };
  const made = seccompProfile({ ...source, groups: [group] }) as { syscalls: unknown };
  expect(made.syscalls).toMatchObject([
    { names: ['socket'], args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }] },
    {
      args: [
        { index: 0, value: 6, valueTwo: 2, op: 'SCMP_CMP_MASKED_EQ' },
        { index: 2, value: 0 },
      ],
    },
  ]);
});
