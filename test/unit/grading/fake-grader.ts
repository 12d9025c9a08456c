import type { GivenGateParts } from '../support/http-server.ts';
import { GraderGate } from '../../../src/grading/gate.ts';
import { GraderClient } from '../../../src/grading/grader-client.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Reply = (response: ServerResponse) => void;

/** A grader on a port of its own. Replies are taken in order, the last one again and again. */
export interface FakeGrader extends AsyncDisposable {
  readonly url: string;
  readonly asked: { body: Record<string, unknown>; authorization: string | undefined }[];
  replies: Reply[];
}

export const answers =
  (status: number, body: string): Reply =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  };
export const hangs: Reply = () => undefined;
export const breaksOff: Reply = (response) => {
  response.writeHead(200, { 'content-length': '100' });
  response.write('{"score"', () => response.destroy());
};

export async function fakeGrader(...replies: Reply[]): Promise<FakeGrader> {
  const asked: FakeGrader['asked'] = [];
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      asked.push({ body, authorization: request.headers.authorization });
      const next = grader.replies.length > 1 ? grader.replies.shift() : grader.replies[0];
      next?.(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const dispose = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  const grader = { url: `http://127.0.0.1:${String(port)}/`, asked, replies, [Symbol.asyncDispose]: dispose };
  return grader;
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
}

/** A gate before this grader, as a server has it by default. */
export function gateTo({ url }: FakeGrader) {
  const grader = new GraderClient({ url, token: null, requestMs: 5_000, clock: systemClock });
  return (parts: GivenGateParts): GraderGate =>
    new GraderGate({
      ...parts,
      grader,
      excluded: { kind: 'withhold' },
      recovered: 'forward',
      unknown: 'withhold',
      pendingMs: 1_000,
    });
}
