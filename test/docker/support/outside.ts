import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp, type Server as HttpServer } from 'node:http';
import { createServer as createTls, type Server as TlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where the names of the outside world lead: an address of this host that nothing else uses. */
const ORIGIN = '127.0.0.2';
export const HTTP_PORT = 8480;
export const NAME_SERVER = '127.0.0.53';

/**
 * An outside world: name server and web servers, on loopback. `good.test` and all below `open.test` lead there; so does
 * `evil.test`, which no policy lists. `/slow` never answers.
 */
export class Outside implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'faultline-outside-'));
  /** The Host header or server name of each request and greeting that arrived. */
  readonly arrived: string[] = [];
  /** Requests that are kept waiting. */
  held = 0;
  readonly #names: ChildProcess;
  readonly #http: HttpServer;
  readonly #tls: TlsServer;

  private constructor() {
    this.#names = this.#startNames();
    this.#http = createHttp((request, reply) => {
      this.arrived.push(request.headers.host ?? '');
      if (request.url === '/slow') this.held += 1;
      else reply.end('hello from outside\n');
    });
    const { key, cert } = this.#certificate();
    this.#tls = createTls({ key, cert }, (_, reply) => reply.end('hello over TLS\n'));
    this.#tls.on('secureConnection', (socket) => {
      this.arrived.push(String(socket.servername));
    });
  }

  static async open(): Promise<Outside> {
    const outside = new Outside();
    outside.#http.listen(HTTP_PORT, ORIGIN);
    outside.#tls.listen(443, ORIGIN);
    await Promise.all([once(outside.#http, 'listening'), once(outside.#tls, 'listening')]);
    await outside.#namesAnswer();
    return outside;
  }

  /** What the name server was asked for. */
  get asked(): string {
    return readFileSync(join(this.folder, 'names.log'), 'utf8');
  }

  /** As with a name server that hangs: SIGSTOP, and SIGCONT to go on. */
  names(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#names.kill(signal);
  }

  #startNames(): ChildProcess {
    const addresses = ['good.test', 'open.test', 'inside.test', 'evil.test'].map(
      (name) => `--address=/${name}/${ORIGIN}`,
    );
    const absent = '--address=/absent.open.test/';
    return spawn(
      'dnsmasq',
      ['--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--bind-interfaces', `--listen-address=${NAME_SERVER}`, '--log-queries', `--log-facility=${join(this.folder, 'names.log')}`, '--user=root', `--pid-file=${join(this.folder, 'names.pid')}`, ...addresses, absent],
      { stdio: 'ignore' },
    ); // prettier-ignore
  }

  async #namesAnswer(): Promise<void> {
    for (let tries = 0; tries < 100; tries += 1) {
      if (this.#names.exitCode !== null)
        throw new Error(`dnsmasq ended with ${String(this.#names.exitCode)}`);
      try {
        if (this.asked.includes('started')) return;
      } catch {
        // Its log is not there yet.
      }
      await sleep(50);
    }
    throw new Error('dnsmasq did not start within 5 s');
  }

  #certificate(): { key: string; cert: string } {
    const [key, cert] = [join(this.folder, 'key.pem'), join(this.folder, 'cert.pem')];
    const subject = ['-subj', '/CN=outside', '-days', '2'];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...subject], {
      stdio: 'ignore',
    }); // prettier-ignore
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.#names, 'exit');
    this.#names.kill('SIGKILL');
    await gone;
    this.#http.closeAllConnections();
    this.#tls.closeAllConnections();
    this.#http.close();
    this.#tls.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A policy as `default`, with these rules; written beside a world's others. */
export function writeNetworkedPolicy(folder: string): void {
  const rules = [
    `    - { host: good.test, ports: [${String(HTTP_PORT)}, 443], private: true }`,
    `    - { host: .open.test, ports: [${String(HTTP_PORT)}], private: true }`,
    `    - { host: inside.test, ports: [${String(HTTP_PORT)}] }`,
  ];
  const policy = readFileSync(join(folder, 'policies/network.yaml'), 'utf8');
  const from = policy.indexOf('  egress:\n');
  const to = policy.indexOf('limits:\n');
  const networked = `${policy.slice(0, from)}  egress:\n${rules.join('\n')}\n${policy.slice(to)}`;
  writeFileSync(join(folder, 'policies/networked.yaml'), networked);
  const tasks = join(folder, 'policies/tasks.yaml');
  writeFileSync(tasks, `${readFileSync(tasks, 'utf8')}  networked: { image: base, policy: networked }\n`);
}
