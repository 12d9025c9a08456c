import { createServer, type IncomingMessage } from 'node:http';
import { grade, type Expected } from './grade.ts';

/**
 * A grader endpoint: `POST {sample, item, trace_id}` answers `{"score": number}`. Put faultline's gate before it:
 * FAULTLINE_GRADER_URL=http://127.0.0.1:8090 npm start
 */
const port = Number(process.env['PORT'] ?? 8090);

interface GradeRequest {
  /** What the model said: a text, or an object that holds one. */
  readonly sample: string | { readonly output_text: string };
  readonly item: Expected;
}

const server = createServer((request, response) => {
  score(request).then(
    (value) => response.setHeader('content-type', 'application/json').end(JSON.stringify({ score: value })),
    (error: unknown) => response.writeHead(400).end(String(error)),
  );
});

async function score(request: IncomingMessage): Promise<number> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { sample, item } = JSON.parse(Buffer.concat(chunks).toString()) as GradeRequest;
  return grade(typeof sample === 'string' ? sample : sample.output_text, item);
}

server.listen(port, '127.0.0.1', () => {
  const address = server.address();
  console.log(
    `grader listens on http://127.0.0.1:${String(typeof address === 'object' ? address?.port : port)}`,
  );
});
