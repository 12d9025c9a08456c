import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { canaryOn, type Arena, type Ground } from './arena.ts';

const HEALTHY_MS = 1_000;
const REMOVED_MS = 90_000;

/** Another sandbox gives the right answer, and the controller says in time that it lives. */
export async function stillWell(arena: Arena, ground: Ground): Promise<string[]> {
  const problems: string[] = [];
  const asked = performance.now();
  const health = await fetch(`${arena.server.url}/healthz`);
  const tookMs = performance.now() - asked;
  if (!health.ok || tookMs > HEALTHY_MS)
    problems.push(`/healthz: ${String(health.status)} after ${tookMs.toFixed(0)} ms`);
  const reply = await arena.server.tool('shell', canaryOn(ground), `c${String(Date.now())}`, {
    command: 'echo $((6*7))',
  });
  if (reply.output !== '42\n') problems.push(`the canary says ${JSON.stringify(reply.output)}`);
  return problems;
}

/** What is left on the host of containers that should be gone; waits for what is under way. */
export async function leftOf(containers: readonly string[]): Promise<string[]> {
  const until = performance.now() + REMOVED_MS;
  for (;;) {
    const left = containers.flatMap((id) => [...mountsOf(id), ...processesOf(id)]);
    if (left.length === 0 || performance.now() > until) return left;
    await pause(50);
  }
}

function mountsOf(id: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.filter((line) => line.includes(id)).map((line) => `mount left: ${line}`);
}

function processesOf(id: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && text(`/proc/${name}/cgroup`).includes(id))
    .map((name) => `process left: ${text(`/proc/${name}/cmdline`).replaceAll('\0', ' ')}`);
}

/** Empty for a process that has ended meanwhile. */
function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Descriptors and memory of the controller, and what carries its label: compared before and after a whole suite. */
export async function holdings(arena: Arena): Promise<{ containers: number; descriptors: number }> {
  const pid = String(arena.server.process.pid);
  return {
    containers: (await arena.world.containers()).length,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
  };
}
