import { describe, expect, it } from 'vitest';
import { NameServers, type Lookups } from '../../../src/sandbox/egress/name-servers.ts';

/** What each name is answered with: addresses, or an error code. Names that are not listed do not exist. */
type Zone = Record<string, string>;

function servers(zone: Zone): NameServers {
  const ask = (name: string): Promise<readonly string[]> => {
    const answer = zone[name] ?? 'ENOTFOUND';
    if (answer === 'address') return Promise.resolve(['192.0.2.1']);
    return Promise.reject(Object.assign(new Error(answer), { code: answer }));
  };
  const lookups: Lookups = { resolve4: ask, resolveNs: ask };
  const names = new NameServers([], lookups);
  names.list(['pypi.org', 'github.com', '.open.test']);
  return names;
}

const failed = async (names: NameServers, host: string, error = 'ERR_DNS_FAIL'): Promise<boolean> =>
  (await names.mayHaveFailed(host, error)) && (await names.haveFailed(host));

const healthy: Zone = { '.': 'EREFUSED', 'pypi.org': 'address', 'github.com': 'address' };

describe('name servers that answer for names known to be good', () => {
  it.each([
    ['a label of 64 letters', `${'a'.repeat(64)}.open.test`, 'EBADNAME'],
    ['a zone whose own servers are broken', 'lame.open.test', 'ESERVFAIL'],
    ['a zone whose own servers are silent', 'slow.open.test', 'ETIMEOUT'],
    ['a refusal', 'odd.open.test', 'EREFUSED'],
    ['an answer that is no DNS', 'odd.open.test', 'EBADRESP'],
    ['a name that does not exist', 'absent.open.test', 'ENOTFOUND'],
    ['a name that exists, which the proxy did not resolve', 'pypi.org', 'address'],
  ])('have not failed: %s', async (_, host, answer) => {
    const zone: Zone = { ...healthy };
    const names = servers(zone);
    await names.learn();
    zone[host] = answer;
    expect(await failed(names, host)).toBe(false);
  });

  it('have not failed where a listed zone fails, and everything else does not', async () => {
    const zone: Zone = { ...healthy };
    const names = servers(zone);
    await names.learn();
    for (const name of ['pypi.org', 'files.pypi.org']) zone[name] = 'ESERVFAIL';
    expect(await failed(names, 'pypi.org')).toBe(false);
    expect(await failed(names, 'files.pypi.org')).toBe(false);
  });
});

describe('name servers that fail for names known to be good', () => {
  const broken: Zone = { '.': 'ETIMEOUT', 'pypi.org': 'ETIMEOUT', 'github.com': 'ETIMEOUT' };

  it('have failed', async () => {
    const zone: Zone = { ...healthy };
    const names = servers(zone);
    await names.learn();
    Object.assign(zone, broken, { 'x.open.test': 'ETIMEOUT' });
    expect(await failed(names, 'x.open.test')).toBe(true);
    expect(await failed(names, 'pypi.org')).toBe(true);
  });

  it('have not failed for a name that no server is asked for', async () => {
    const zone: Zone = { ...healthy };
    const names = servers(zone);
    await names.learn();
    const host = `${'a'.repeat(64)}.open.test`;
    Object.assign(zone, broken, { [host]: 'EBADNAME' });
    expect(await failed(names, host)).toBe(false);
  });

  it('have not failed as far as anybody knows, where no name was ever answered', async () => {
    const names = servers({ ...broken, 'x.open.test': 'ETIMEOUT' });
    await names.learn();
    expect(await failed(names, 'x.open.test')).toBe(false);
  });

  it('have not failed where only the failed zone was ever answered', async () => {
    const zone: Zone = { '.': 'ESERVFAIL', 'pypi.org': 'address', 'github.com': 'ESERVFAIL' };
    const names = servers(zone);
    await names.learn();
    zone['pypi.org'] = 'ESERVFAIL';
    expect(await failed(names, 'pypi.org')).toBe(false);
  });
});
