import {
  createServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { setTimeout as pause } from 'node:timers/promises';
import { World, type Server } from '../docker/support/server.ts';

/**
 * The grading gate under load: requests in the platform's form at a fixed rate, even if earlier ones are not answered yet,
 * through every branch. Server, containers and grader are real processes with sockets; the grader takes 20 ms.
 */
const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '50' },
    seconds: { type: 'string', default: '30' },
    rollouts: { type: 'string', default: '10' },
  },
});
const RATE = Number(values.rate);
const REQUESTS = RATE * Number(values.seconds);
const ROLLOUTS = Number(values.rollouts);
const GRADER_MS = 20;
const GRADER_TIMEOUT_MS = 2_000;

/** The grader's behaviour that the item requests, and the status that the platform must get. */
const BRANCHES = {
  'valid, with tool calls': { grader: 'score', rollouts: 'valid', status: 200 },
  'no tool call': { grader: 'score', rollouts: null, status: 200 },
  'excluded: withheld': { grader: 'score', rollouts: 'excluded', status: 503 },
  'grader refuses (4xx)': { grader: 'refuse', rollouts: null, status: 502 },
  'grader fails (5xx), three tries': { grader: 'fail', rollouts: null, status: 502 },
  'grader gives no number': { grader: 'words', rollouts: null, status: 502 },
  'grader does not answer': { grader: 'hang', rollouts: null, status: 504 },
} as const;
type Branch = keyof typeof BRANCHES;

/** Requests per branch, of a hundred. Branches that hold a request for seconds are rare, as in production. */
const MIX: Readonly<Record<Branch, number>> = {
  'valid, with tool calls': 40,
  'no tool call': 20,
  'excluded: withheld': 20,
  'grader refuses (4xx)': 8,
  'grader fails (5xx), three tries': 4,
  'grader gives no number': 6,
  'grader does not answer': 2,
};

const order = (Object.keys(MIX) as Branch[]).flatMap((branch) =>
  Array.from({ length: MIX[branch] }, () => branch),
);

async function main(): Promise<void> {
  const grader = await startGrader();
  await using world = new World();
  const { port } = grader.address() as AddressInfo;
  const server = await world.start({
    LOG_LEVEL: 'error',
    FAULTLINE_GRADER_URL: `http://127.0.0.1:${String(port)}/`,
    FAULTLINE_GRADER_TIMEOUT_MS: String(GRADER_TIMEOUT_MS),
  });
  try {
    await Promise.all(Array.from({ length: ROLLOUTS }, (_, index) => playRollouts(server, index)));
    const load = loadavg()[0] ?? 0;
    const began = performance.now();
    const answers = await fire(server);
    const seconds = (performance.now() - began) / 1000;
    print(answers, seconds, load);
  } finally {
    grader.closeAllConnections();
    grader.close();
  }
}

/** One valid rollout, and one excluded by a conflicting repeat. */
async function playRollouts(server: Server, index: number): Promise<void> {
  await server.tool('shell', `valid-${String(index)}`, 'c1', { command: 'echo 42' });
  await server.tool('shell', `excluded-${String(index)}`, 'c1', { command: 'echo 42' });
  await server.tool('shell', `excluded-${String(index)}`, 'c1', { command: 'echo other' });
}

interface Answer {
  readonly branch: Branch;
  readonly status: number;
  readonly ms: number;
}

async function fire(server: Server): Promise<Answer[]> {
  const began = performance.now();
  const running: Promise<Answer>[] = [];
  for (let index = 0; index < REQUESTS; index += 1) {
    const due = began + (index * 1000) / RATE - performance.now();
    if (due > 0) await pause(due);
    // 37 and 100 have no common divisor, so neighbours take different branches.
    running.push(grade(server, order[(index * 37) % order.length] ?? 'no tool call', index));
  }
  return await Promise.all(running);
}

async function grade(server: Server, branch: Branch, index: number): Promise<Answer> {
  const { grader, rollouts } = BRANCHES[branch];
  const trace = rollouts === null ? `none-${String(index)}` : `${rollouts}-${String(index % ROLLOUTS)}`;
  const began = performance.now();
  const response = await server.request('POST', '/v1/grade', {
    sample: { output_text: '42', choices: [{ message: { role: 'assistant', content: '42' } }] },
    item: { id: `row-${String(index % 64)}`, behave: grader, request: index },
    trace_id: trace,
  });
  await response.arrayBuffer();
  return { branch, status: response.status, ms: performance.now() - began };
}

async function startGrader(): Promise<HttpServer> {
  const server = createServer((request, response) => void behave(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

async function behave(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { item } = JSON.parse(Buffer.concat(chunks).toString()) as { item: { behave: string } };
  await pause(GRADER_MS);
  if (item.behave === 'hang') return;
  const status = { refuse: 400, fail: 500 }[item.behave] ?? 200;
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(item.behave === 'words' ? '{"score":"good"}' : '{"score":0.5}');
}

function print(answers: readonly Answer[], seconds: number, load: number): void {
  console.log(
    `${String(answers.length)} requests at ${String(RATE)}/s, all answered after ${seconds.toFixed(1)} s; ${String(cpus().length)} cores, load ${load.toFixed(1)}`,
  );
  let wrong = 0;
  for (const [branch, { status }] of Object.entries(BRANCHES)) {
    const mine = answers.filter((answer) => answer.branch === branch);
    const bad = mine.filter((answer) => answer.status !== status).length;
    wrong += bad;
    const times = mine.map(({ ms }) => ms).sort((a, b) => a - b);
    const at = (share: number): string =>
      (times[Math.floor(times.length * share)] ?? 0).toFixed(0).padStart(6);
    console.log(
      `${branch.padEnd(36)} ${String(mine.length).padStart(5)} × ${String(status)}  p50 ${at(0.5)} ms  p99 ${at(0.99)} ms${bad === 0 ? '' : `  ${String(bad)} OTHERS`}`,
    );
  }
  console.log(
    wrong === 0
      ? 'every request got the answer of its branch'
      : `${String(wrong)} requests did not get the answer of their branch`,
  );
  process.exitCode = wrong === 0 ? 0 : 1;
}

await main();
