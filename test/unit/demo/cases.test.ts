import { describe, expect, it } from 'vitest';
import { ownCases } from '../../demo/cases.ts';
import { isBareCd } from '../../demo/plain-run.ts';

describe('the set of our own', () => {
  it('has unique names and no trajectory without commands', async () => {
    const { trajectories, problems } = await ownCases();
    const names = [...trajectories, ...problems].map(({ id }) => id);
    expect(trajectories.length).toBeGreaterThanOrEqual(12);
    expect(problems.length).toBeGreaterThanOrEqual(10);
    expect(trajectories.every(({ steps }) => steps.length > 0)).toBe(true);
    expect(new Set([...trajectories.map(({ id }) => id)]).size).toBe(trajectories.length);
    expect(names.every((name) => /^own\/\w+$/.test(name))).toBe(true);
  });

  it('calls the check of every problem', async () => {
    const { problems } = await ownCases();
    for (const { code } of problems) expect(code).toMatch(/\ncheck\(\w+\)\n$/);
  });
});

describe('a bare cd', () => {
  const bare = (command: string): boolean => isBareCd({ run: command, plain: command });

  it('moves later commands of the reference', () => {
    expect(bare('cd /tmp')).toBe(true);
    expect(bare('cd')).toBe(true);
    expect(bare('cd "$(dirname "$(which python | head -1)")"')).toBe(true);
    expect(bare('cd /workspace/$(ls -1 /workspace | tail -n 1)')).toBe(true);
  });

  it('is nothing with another command in it, nor another word that begins alike', () => {
    expect(bare('cd /tmp && ls')).toBe(false);
    expect(bare('cd /tmp; ls')).toBe(false);
    expect(bare('cd /tmp\nls')).toBe(false);
    expect(bare('cd $(pwd) | cat')).toBe(false);
    expect(bare('cdrecord x')).toBe(false);
    expect(bare('echo cd /tmp')).toBe(false);
  });
});
