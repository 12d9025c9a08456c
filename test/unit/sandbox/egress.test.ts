import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { connect } from 'node:net';
import { describe, expect, it, test, vi } from 'vitest';
import { policySchema } from '../../../src/policy/schema.ts';
import { AccessLog, parseRequest } from '../../../src/sandbox/egress/access-log.ts';
import { egressOf, rulesKey } from '../../../src/sandbox/egress/rules.ts';
import { squidConfig } from '../../../src/sandbox/egress/squid-config.ts';
import { probeSpec } from '../../../src/sandbox/docker/probe-spec.ts';

const rules = [
  { host: 'pypi.org', ports: [443], private: false },
  { host: '.corp.test', ports: [80, 8080], private: true },
];
const place = { folder: '/run/x', logPort: 4000, nameServers: ['192.0.2.1', '192.0.2.2'] };

describe('the proxy’s configuration', () => {
  const lines = squidConfig([{ key: 'k1', port: 3000, rules }], place).split('\n');

  it('allows what the rules say by the port that they came from, and denies the rest last', () => {
    expect(lines).toContain('acl k1_0_host dstdomain -n pypi.org');
    expect(lines).toContain('http_access allow k1 k1_0_host k1_0_port !inside');
    expect(lines).toContain('acl k1_1_port port 80 8080');
    expect(lines).toContain('http_access allow k1 k1_1_host k1_1_port');
    const access = lines.filter((line) => line.startsWith('http_access'));
    expect(access.at(-1)).toBe('http_access deny all');
    expect(access.filter((line) => line.includes('allow'))).toHaveLength(2);
  });

  it('listens on loopback alone', () => {
    const listening = lines.filter((line) => /^https?_port/.test(line));
    expect(listening).toHaveLength(1);
    expect(listening[0]).toMatch(/^http_port 127\.0\.0\.1:3000 /);
  });

  it('decrypts nothing', () => {
    expect(lines.filter((line) => line.startsWith('ssl_bump')).map((line) => line.split(' ')[1])).toEqual([
      'peek',
      'splice',
      'terminate',
    ]);
  });

  it('asks the name servers it is given, or those of the host', () => {
    expect(lines).toContain('dns_nameservers 192.0.2.1 192.0.2.2');
    expect(squidConfig([], { ...place, nameServers: [] })).not.toContain('dns_nameservers');
  });
});

test('a line of the proxy’s log', () => {
  expect(parseRequest('40312 403 TCP_DENIED ERR_ACCESS_DENIED evil.test')).toEqual({
    clientPort: 40_312,
    status: 403,
    denied: true,
    error: 'ERR_ACCESS_DENIED',
    host: 'evil.test',
  });
  expect(parseRequest('40312 200 TCP_TUNNEL - good.test')).toMatchObject({ denied: false, error: '-' });
  expect(parseRequest('no line of ours')).toBeNull();
});

describe('a policy’s list', () => {
  const { policy } = probeSpec('image');
  const shipped = parseYaml(readFileSync('policies/network.yaml', 'utf8')) as object;
  const parse = (network: unknown) => policySchema.safeParse({ ...shipped, network });

  it('gives ports where a rule names none', () => {
    const { data } = parse({ egress: [{ host: '.debian.org' }] });
    expect(data?.network).toEqual({ egress: [{ host: '.debian.org', ports: [80, 443], private: false }] });
  });

  it.each([
    ['a URL', [{ host: 'https://pypi.org' }]],
    ['a second line', [{ host: 'pypi.org\nhttp_access allow all' }]],
    ['white space', [{ host: 'pypi.org all' }]],
    ['an option', [{ host: '-n' }]],
    ['a port beyond the last', [{ host: 'pypi.org', ports: [65_536] }]],
    ['no host', []],
  ])('refuses %s', (_, egress) => {
    const { error } = parse({ egress });
    expect(error?.issues.map(({ path }) => path[0])).toEqual(['network']);
  });

  it('is known by its text; other networks have none', () => {
    expect(egressOf({ ...policy, network: { egress: rules } })).toBe(rules);
    expect(egressOf({ ...policy, network: 'none' })).toBeNull();
    expect(rulesKey(rules)).toBe(rulesKey(structuredClone(rules)));
    expect(rulesKey(rules)).not.toBe(rulesKey(rules.slice(1)));
  });
});

test('a proxy that is killed resets the connection of its log, and the next one is listened to', async () => {
  const ports: number[] = [];
  await using log = await AccessLog.listen(({ clientPort }) => ports.push(clientPort));
  for (const nth of [1, 2]) {
    const proxy = connect(log.port, '127.0.0.1');
    proxy.write(`${String(nth)} 200 TCP_MISS - host.test\n`);
    await vi.waitUntil(() => ports.includes(nth), { interval: 1 });
    proxy.resetAndDestroy();
  }
  expect(ports).toEqual([1, 2]);
});
