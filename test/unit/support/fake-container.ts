import type { Clock } from '../../../src/kernel/clock.ts';
import type {
  CallLimits,
  CallNumber,
  Counters,
  Ending,
  StartFailure,
  Work,
} from '../../../src/protocol/messages.ts';
import type { Offers, SandboxSpec } from '../../../src/sandbox/sandbox.ts';
import { COUNTERS, ended, FakeProcess, printed, type Program } from './fake-process.ts';

/** What becomes of one piece of work; text is printed. */
export type Script = (
  work: Work,
  call: CallNumber,
  limits: CallLimits,
) => Promise<string | Ending | StartFailure>;

/** How a call's command is found. */
export interface Commands {
  /** Null: the program of that command. */
  readonly script: () => Script | null;
  /** Shell commands by their text. Others print their own text. */
  readonly programs: ReadonlyMap<string, Program>;
  /** Called once per command that runs. */
  readonly onRun: (work: Work) => void;
}

/** What the host of a container can do, as `EngineCapabilities` names it. */
export interface FakeAbilities {
  readonly counters: boolean;
  readonly diskLimit: boolean;
}

interface KeptCall {
  readonly ending: Promise<Ending | StartFailure>;
  readonly process: FakeProcess;
  acknowledged: boolean;
}

const ENOENT = 2;
const EACCES = 13;
const ENOSPC = 28;
/** The engine's own check of the sandbox has used the first. */
const USED_BY_READINESS = 1;

/** One sandbox of the fake with its sandboxd: starts a number at most once and keeps endings until acknowledged. */
export class FakeContainer {
  readonly id: string;
  readonly controllerId: string;
  readonly spec: SandboxSpec;
  readonly instance: string;
  readonly offers: Offers;
  /** User and group of commands. */
  readonly user: number;
  readonly files = new Map<string, Buffer>();
  readonly counters = { ...COUNTERS };
  state: 'running' | 'exited' | 'gone' = 'running';
  frozen = false;
  /** How often somebody outside froze it. */
  pauses = 0;
  /** Somebody else than its engine ended it. */
  foreignKill = false;
  lastCall: CallNumber = USED_BY_READINESS;
  /** Connections through the egress proxy. */
  readonly egress = { connections: 0, denied: 0 };
  readonly #calls = new Map<CallNumber, KeptCall>();
  readonly #clock: Clock;
  readonly #commands: Commands;
  readonly #abilities: FakeAbilities;
  readonly #waiting = new Map<() => boolean, () => void>();

  constructor(
    identity: Pick<FakeContainer, 'id' | 'instance' | 'controllerId' | 'spec' | 'offers' | 'user'>,
    clock: Clock,
    abilities: FakeAbilities,
    commands: Commands,
  ) {
    const { limits } = identity.spec.policy;
    this.id = identity.id;
    this.instance = identity.instance;
    this.controllerId = identity.controllerId;
    this.spec = identity.spec;
    this.offers = identity.offers;
    this.user = identity.user;
    this.#clock = clock;
    this.#abilities = abilities;
    this.#commands = commands;
    this.counters.memoryLimitBytes = limits.memory;
    this.counters.pidsLimit = limits.processes;
  }

  /** Resolves once the condition holds after some change. */
  async until(condition: () => boolean): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve) => this.#waiting.set(condition, resolve));
  }

  /** Tells whoever waits for something that it may be so now. */
  changed(): void {
    for (const [condition, resolve] of [...this.#waiting]) {
      if (!condition()) continue;
      this.#waiting.delete(condition);
      resolve();
    }
  }

  /** @returns 0 or an errno. */
  write(path: string, data: Uint8Array, offset = 0): number {
    if (path.startsWith('/root/') && this.user !== 0) return EACCES;
    const before = offset === 0 ? Buffer.alloc(0) : (this.files.get(path) ?? Buffer.alloc(0));
    const others = [...this.files].reduce((sum, [name, { length }]) => sum + (name === path ? 0 : length), 0);
    const { disk = Infinity } = this.spec.policy.limits;
    if (this.#abilities.diskLimit && others + offset + data.length > disk) return ENOSPC;
    const tail = Buffer.from(data.buffer, data.byteOffset, data.length);
    this.files.set(path, offset === 0 ? tail : Buffer.concat([before.subarray(0, offset), tail]));
    this.changed();
    return 0;
  }

  end(state: 'exited' | 'gone'): void {
    if (this.state === 'gone') return;
    this.state = state;
    this.changed();
  }

  reading(): Counters {
    if (this.#abilities.counters) return { ...this.counters };
    return Object.fromEntries(Object.keys(COUNTERS).map((name) => [name, -1])) as unknown as Counters;
  }

  /** Null: the number was used, and its ending has been acknowledged and forgotten. */
  start(call: CallNumber, work: Work, limits: CallLimits): Promise<Ending | StartFailure> | null {
    const known = this.#calls.get(call);
    if (known !== undefined) return known.acknowledged ? null : known.ending;
    this.lastCall = Math.max(this.lastCall, call);
    this.#commands.onRun(work);
    const process = new FakeProcess(this, limits);
    const script = this.#commands.script();
    const ending =
      script === null ? this.#perform(call, work, process) : this.#play(script, call, work, limits);
    this.#calls.set(call, { ending, process, acknowledged: false });
    return ending;
  }

  cancel(call: CallNumber): void {
    this.#calls.get(call)?.process.kill('cancelled');
  }

  acknowledge(call: CallNumber): void {
    const known = this.#calls.get(call);
    if (known !== undefined) known.acknowledged = true;
  }

  async #play(
    script: Script,
    call: CallNumber,
    work: Work,
    limits: CallLimits,
  ): Promise<Ending | StartFailure> {
    const said = await script(work, call, limits);
    return typeof said === 'string' ? printed(call, said) : said;
  }

  async #perform(call: CallNumber, work: Work, process: FakeProcess): Promise<Ending | StartFailure> {
    const reading = { before: this.reading(), after: this.reading() };
    switch (work.kind) {
      case 'shell': {
        const program = this.#commands.programs.get(work.command);
        if (program === undefined) return { ...printed(call, work.command), ...reading };
        return process.ending(call, program, this.#clock);
      }
      case 'write-file':
        return { ...ended(call), errno: this.write(work.path, work.data, work.offset), ...reading };
      case 'read-file':
        return { ...ended(call), ...this.#read(work), ...reading };
      case 'exec':
        // Nothing is installed here: a program by its path is what a call has written.
        if (work.argv[0]?.startsWith('/') === true && !this.files.has(work.argv[0]))
          return { type: 'start-failed', call, errno: ENOENT, stage: 'exec', killReach: 'none', ...reading };
        break;
      default:
    }
    return { ...printed(call, work.kind), ...reading };
  }

  #read({ path, offset, length }: Extract<Work, { kind: 'read-file' }>): Pick<Ending, 'errno' | 'payload'> {
    const file = this.files.get(path);
    if (file === undefined) return { errno: ENOENT, payload: new Uint8Array() };
    return { errno: 0, payload: file.subarray(offset, offset + length) };
  }
}
