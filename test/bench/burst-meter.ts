import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';

/** What one burst of one side took. Times in milliseconds from the burst's beginning, memory in MB. */
export interface Burst {
  readonly side: string;
  readonly count: number;
  readonly wallMs: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly failed: number;
  /** User and system time of the whole machine. */
  readonly cpuSeconds: number;
  /** Peak memory of the whole machine, above its use before the burst. */
  readonly machineMb: number;
  /** Resident peak of dockerd and containerd; null if their processes are not visible. */
  readonly engineMb: number | null;
  /** Resident peak of the faultline server; null for other sides. */
  readonly controllerMb: number | null;
}

const SAMPLE_MS = 100;
const MB = 1024;

/** Runs `answers` at the same time and measures until the last has ended. A rejected one counts as failed. */
export async function measured(
  side: string,
  answers: readonly (() => Promise<void>)[],
  controllerPid: number | null = null,
): Promise<Burst> {
  const usedBefore = usedKb();
  const cpuBefore = cpuSeconds();
  let peakKb = usedBefore;
  const engine = enginePids();
  let engineKb = residentKb(engine);
  const sampler = setInterval(() => {
    peakKb = Math.max(peakKb, usedKb());
    engineKb = Math.max(engineKb, residentKb(engine));
  }, SAMPLE_MS);
  const began = performance.now();
  const times: number[] = [];
  const ended = await Promise.allSettled(
    answers.map(async (answer) => {
      await answer();
      times.push(performance.now() - began);
    }),
  );
  const wallMs = performance.now() - began;
  clearInterval(sampler);
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
  return {
    side,
    count: answers.length,
    wallMs,
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
    failed: ended.filter(({ status }) => status === 'rejected').length,
    cpuSeconds: cpuSeconds() - cpuBefore,
    machineMb: (peakKb - usedBefore) / MB,
    engineMb: engineKb === 0 ? null : engineKb / MB,
    controllerMb: controllerPid === null ? null : (statusKb(controllerPid, 'VmHWM') ?? 0) / MB,
  };
}

function usedKb(): number {
  const text = readFileSync('/proc/meminfo', 'utf8');
  const of = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return of('MemTotal') - of('MemAvailable');
}

function cpuSeconds(): number {
  const [user = 0, nice = 0, system = 0] =
    /^cpu\s+(\d+) (\d+) (\d+)/.exec(readFileSync('/proc/stat', 'utf8'))?.slice(1).map(Number) ?? [];
  return (user + nice + system) / 100;
}

/** Searched once: with a thousand sandboxes, walking /proc for each sample used a seventh of the processors. */
function enginePids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => /^(dockerd|containerd)$/.test(textOrEmpty(`/proc/${String(pid)}/comm`).trim()));
}

function residentKb(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (statusKb(pid, 'VmRSS') ?? 0), 0);
}

function statusKb(pid: number, field: string): number | null {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(textOrEmpty(`/proc/${String(pid)}/status`));
  return match === null ? null : Number(match[1]);
}

function textOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

const docker = promisify(execFile);

/** Removes the containers with the label, a hundred at a time; returns their number. */
export async function removeAll(label: string): Promise<number> {
  const { stdout } = await docker('docker', ['ps', '-aq', '--filter', `label=${label}`], { timeout: 60_000 });
  const ids = stdout.split('\n').filter((id) => id !== '');
  for (let from = 0; from < ids.length; from += 100)
    await docker('docker', ['rm', '-fv', ...ids.slice(from, from + 100)], { timeout: 300_000 });
  return ids.length;
}
