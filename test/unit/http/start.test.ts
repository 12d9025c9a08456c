import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readConfig } from '../../../src/config.ts';
import { serverToken } from '../../../src/http/token.ts';
import { ConfigurationError } from '../../../src/policy/configuration-error.ts';

describe('configuration', () => {
  test('an empty environment is a whole configuration', () => {
    expect(readConfig({})).toMatchObject({
      host: '127.0.0.1',
      port: 8080,
      token: null,
      dataDir: './data',
      policiesDir: './policies',
      imagesDir: './images',
      taskFile: 'policies/tasks.yaml',
      onStop: 'remove',
      dockerHost: null,
      logLevel: 'info',
    });
    expect(readConfig({}).startsAtOnce).toBeGreaterThanOrEqual(4);
  });

  test('the task file follows the policies, unless it is named', () => {
    expect(readConfig({ FAULTLINE_POLICIES: '/etc/p' }).taskFile).toBe('/etc/p/tasks.yaml');
    expect(readConfig({ FAULTLINE_POLICIES: '/etc/p', FAULTLINE_TASKS: 't.yaml' }).taskFile).toBe('t.yaml');
  });

  test('an empty variable counts as absent', () => {
    expect(readConfig({ FAULTLINE_TOKEN: '', FAULTLINE_PORT: '', DOCKER_HOST: '' })).toEqual(readConfig({}));
  });

  test.each([
    ['FAULTLINE_PORT', '80a'],
    ['FAULTLINE_PORT', '65536'],
    ['FAULTLINE_PORT', '-1'],
    ['FAULTLINE_PORT', '1e3'],
    ['FAULTLINE_TOKEN', 'short'],
    ['FAULTLINE_TOKEN', 'with a space in it'],
    ['FAULTLINE_ON_STOP', 'delete'],
    ['FAULTLINE_STARTS_AT_ONCE', '0'],
    ['LOG_LEVEL', 'verbose'],
  ])('%s=%s is a mistake that names the variable', (variable, value) => {
    expect(() => readConfig({ [variable]: value })).toThrow(`environment: ${variable}: `);
  });

  test('all mistakes are told at once, and a wrong token is not repeated', () => {
    const wrong = { FAULTLINE_PORT: 'x', FAULTLINE_TOKEN: 'secret', LOG_LEVEL: 'x' };
    try {
      readConfig(wrong);
      expect.unreachable();
    } catch (error) {
      expect((error as ConfigurationError).problems).toHaveLength(3);
      expect((error as ConfigurationError).message).not.toContain('secret');
    }
  });
});

describe('token', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'faultline-token-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });
  const file = () => join(folder, 'data', 'token');
  const mode = () => statSync(file()).mode & 0o777;

  test('a configured one is used and never written', () => {
    expect(serverToken('configured', join(folder, 'data'))).toEqual({
      token: 'configured',
      path: null,
      made: false,
    });
    expect(() => statSync(file())).toThrow();
  });

  test('one is made once, kept for the owner alone, and found again', () => {
    const first = serverToken(null, join(folder, 'data'));
    expect([first.made, first.token.length, mode()]).toEqual([true, 32, 0o600]);
    expect(serverToken(null, join(folder, 'data'))).toEqual({ ...first, made: false });
    expect(readFileSync(file(), 'utf8')).toBe(`${first.token}\n`);
  });

  test('a kept one that others could read is closed to them', () => {
    serverToken(null, join(folder, 'data'));
    chmodSync(file(), 0o644);
    serverToken(null, join(folder, 'data'));
    expect(mode()).toBe(0o600);
  });

  test('an empty file is no token', () => {
    serverToken(null, join(folder, 'data'));
    writeFileSync(file(), '\n');
    expect(() => serverToken(null, join(folder, 'data'))).toThrow(`${file()} is empty`);
  });
});
