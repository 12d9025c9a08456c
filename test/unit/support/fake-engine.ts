import type {
  CallLimits,
  CallNumber,
  Counters,
  Ending,
  StartFailure,
  StreamRecord,
  Work,
} from '../../../src/protocol/messages.ts';
import type {
  EngineInfo, PostMortem, Sandbox, SandboxEngine, SandboxFault, SandboxHandle, SandboxSpec,
} from '../../../src/sandbox/sandbox.ts'; // prettier-ignore

/** What a command does in the fake: printed text, or anything a sandboxd could report. */
export type Script = (
  work: Work,
  call: CallNumber,
  limits: CallLimits,
) => Promise<string | Ending | StartFailure>;

const COUNTERS: Counters = {
  oomKills: 0,
  memoryUsageBytes: 1,
  memoryPeakBytes: 1,
  memoryLimitBytes: 2 ** 29,
  pidsCurrent: 1,
  pidsLimit: 256,
  pidsLimitHits: 0,
  cpuUsageUs: 0,
  cpuThrottledUs: 0,
  cpuThrottledPeriods: 0,
  rootFreeBytes: 2 ** 30,
  rootFreeInodes: 1000,
};

/** An ending as sandboxd reports it for a command that printed `text` and exited with 0. */
export function printed(call: CallNumber, text: string, waitStatus = 0): Ending {
  return {
    type: 'exited',
    call,
    waitStatus,
    killReason: 'none',
    starvedMs: 0,
    killReach: 'none',
    interpreter: 'kept',
    raised: false,
    errno: 0,
    startedAtMs: 0,
    exitedAtMs: 1,
    stdout: stream(text),
    stderr: stream(''),
    payload: new Uint8Array(),
    before: COUNTERS,
    after: COUNTERS,
  };
}

function stream(text: string): StreamRecord {
  const head = Buffer.from(text);
  return { head, tail: new Uint8Array(), totalBytes: head.length, sha256: new Uint8Array(32) };
}

/** Sandboxes in memory. Commands do what `script` says; `startFault` and `pingFault`, where set, are thrown. */
export class FakeEngine implements SandboxEngine {
  readonly name = 'fake';
  script: Script = (work) => Promise.resolve(work.kind === 'shell' ? work.command : work.kind);
  startFault: SandboxFault | null = null;
  pingFault: SandboxFault | null = null;
  readonly started: SandboxHandle[] = [];
  readonly removed: SandboxHandle[] = [];
  /** Every command that ran, in order. */
  readonly ran: Work[] = [];

  start(spec: SandboxSpec): Promise<Sandbox> {
    if (this.startFault !== null) return Promise.reject(this.startFault);
    const id = `fake-${String(this.started.length + 1)}`;
    const handle = { engine: this.name, id, instance: `instance-${id}`, poolClass: spec.poolClass };
    this.started.push(handle);
    return this.adopt(handle);
  }

  adopt(handle: SandboxHandle): Promise<Sandbox> {
    return Promise.resolve(this.#sandbox(handle));
  }

  #sandbox(handle: SandboxHandle): Sandbox {
    return {
      handle,
      lastCall: 0,
      offers: { shell: '/bin/sh', python: '/usr/bin/python3' },
      lost: Promise.withResolvers<SandboxFault>().promise,
      run: async (call, work, limits) => {
        this.ran.push(work);
        const said = await this.script(work, call, limits);
        return typeof said === 'string' ? printed(call, said) : said;
      },
      answers: () => Promise.resolve(),
      acknowledge: () => undefined,
      cancel: () => undefined,
      detach: () => undefined,
    };
  }

  list(): Promise<readonly SandboxHandle[]> {
    return Promise.resolve(this.started.filter((handle) => !this.removed.includes(handle)));
  }

  remove(handle: SandboxHandle): Promise<void> {
    this.removed.push(handle);
    return Promise.resolve();
  }

  postMortem(): Promise<PostMortem> {
    return Promise.resolve({
      container: 'exited',
      foreignKill: true,
      foreignPause: false,
      oomFlag: false,
      evidenceGap: false,
      engineDisturbed: false,
    });
  }

  ping(): Promise<EngineInfo> {
    if (this.pingFault !== null) return Promise.reject(this.pingFault);
    return Promise.resolve({ version: '0', runtime: 'fake', cgroupVersion: 2 });
  }
}
