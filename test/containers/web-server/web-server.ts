import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { join } from 'node:path';

/**
 * Web hosts for tests: HTTP on 8480, where `/slow` is never answered, and TLS on 443. What arrived is told on 8481:
 * the Host header of each request, the server name of each TLS handshake, and the number of requests kept waiting.
 */
const arrived: string[] = [];
let held = 0;

const file = (name: string): Buffer => readFileSync(join(import.meta.dirname, name));

const http = createServer((request, reply) => {
  arrived.push(request.headers.host ?? '');
  if (request.url === '/slow') held += 1;
  else reply.end('hello from outside\n');
});

const tls = createTlsServer({ key: file('key.pem'), cert: file('cert.pem') }, (_, reply) =>
  reply.end('hello over TLS\n'),
);
tls.on('secureConnection', (socket) => {
  arrived.push(String(socket.servername));
});

const record = createServer((_, reply) => reply.end(JSON.stringify({ arrived, held })));

process.once('SIGTERM', () => process.exit());
http.listen(8480);
tls.listen(443);
record.listen(8481, () => console.log('listening'));
