import { DeadlineExceeded, type Deadline } from '../kernel/deadline.ts';
import { SandboxFault, type Sandbox, type SandboxEngine, type SandboxSpec } from '../sandbox/sandbox.ts';
import type { EngineQueue, QueueParts } from './engine-queue.ts';
import type { QueueSpeed } from './queue-speed.ts';

export interface EngineStartParts extends QueueParts {
  readonly engine: SandboxEngine;
  readonly queue: EngineQueue;
  readonly speed: QueueSpeed;
}

/**
 * Starts one sandbox on the engine and reports the result to concurrency limit, breaker and speed estimate. To be called
 * when the place of the start is served.
 *
 * @param onStarted Called before the start counts as ended.
 * @returns The sandbox, or the fault with which the start failed. Any other error is thrown: it is a bug of ours.
 */
export async function startOnEngine(
  parts: EngineStartParts,
  spec: SandboxSpec,
  deadline: Deadline,
  onStarted?: (sandbox: Sandbox) => void,
): Promise<Sandbox | SandboxFault> {
  const { clock, engine, queue, live, concurrency, breaker, speed } = parts;
  const { saturated } = queue;
  const began = clock.monotonic();
  const attempt = deadline.within('sandbox_start', spec.policy.times.sandbox_start);
  live.reserve();
  try {
    const sandbox = await engine.start(spec, attempt);
    live.settle(sandbox.handle);
    const latencyMs = clock.monotonic() - began;
    speed.started(latencyMs);
    concurrency.succeeded(latencyMs, saturated);
    breaker.succeeded();
    onStarted?.(sandbox);
    return sandbox;
  } catch (error) {
    live.settle(null);
    return reportFailure(parts, error, deadline.expired);
  }
}

/** Only an engine fault counts against the engine; a start that the request's own deadline ended does not. */
function reportFailure(
  { concurrency, breaker }: EngineStartParts,
  error: unknown,
  endedByRequest: boolean,
): SandboxFault {
  const fault = asFault(error);
  if (fault === null || isLasting(fault) || endedByRequest) breaker.neutral();
  else {
    concurrency.failed();
    breaker.failed();
  }
  if (fault === null) throw error;
  return fault;
}

/** Null for anything else than a fault: a bug of ours. */
function asFault(error: unknown): SandboxFault | null {
  if (error instanceof SandboxFault) return error;
  if (error instanceof DeadlineExceeded)
    return new SandboxFault('start_timeout', error.message, { cause: error });
  return null;
}

/** A fault that no retry changes: of the task's image, or a sandbox policy whose limits the engine does not hold. */
export function isLasting(fault: SandboxFault): boolean {
  return fault.lasting || fault.code === 'image_missing' || fault.code === 'image_broken';
}
