import { Duplex } from 'node:stream';
import type { Command, Counters, Ending, Report } from '../../../src/protocol/messages.ts';
import type { Wire } from '../../../src/sandbox/wire.ts';

/** One line of JSON per message, so that these tests know nothing of the byte form. */
export const jsonWire: Wire = {
  encode: (command, instance) => Buffer.from(`\n${JSON.stringify({ command, instance })}\n`),
  reader: () => {
    let rest = '';
    return {
      push(chunk) {
        const lines = (rest + Buffer.from(chunk).toString()).split('\n');
        rest = lines.pop() ?? '';
        return lines.flatMap((line) => {
          try {
            return [JSON.parse(line) as Report];
          } catch {
            return [];
          }
        });
      },
    };
  },
};

type Start = Extract<Command, { type: 'start' }>;

const COUNTERS = {} as Counters;

/**
 * A sandboxd in memory with the real one's promises: each number starts at most once, endings are kept until they are
 * acknowledged, nothing is said before `resume`. A test decides what is lost on the way and when calls end.
 */
export class ScriptedSandboxd {
  instance = 'one';
  /** Set: attaching fails with this. */
  refuse: Error | null = null;
  /** Set: attached, but nothing is answered. */
  mute = false;
  /** Frames that never reach sandboxd although they were written. */
  drop: (command: Command) => boolean = () => false;
  readonly heard: Command[] = [];
  readonly running = new Map<number, Start>();
  readonly kept = new Map<number, Report>();
  attachments = 0;
  executions = 0;
  lastCall = 0;
  #stream: Duplex | null = null;

  readonly attach = (): Promise<Duplex> => {
    this.attachments += 1;
    if (this.refuse !== null) return Promise.reject(this.refuse);
    let rest = '';
    const stream: Duplex = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        const lines = (rest + chunk.toString()).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines)
          if (line !== '') this.#hear((JSON.parse(line) as { command: Command }).command);
        done();
      },
    });
    this.#stream = stream;
    return Promise.resolve(stream);
  };

  breakStream(): void {
    this.#stream?.destroy();
    this.#stream = null;
  }

  say(report: Report | string): void {
    this.#stream?.push(typeof report === 'string' ? report : `${JSON.stringify(report)}\n`);
  }

  end(call: number, waitStatus = 0): void {
    const report = ending(call, waitStatus);
    this.running.delete(call);
    this.kept.set(call, report);
    this.say(report);
  }

  #hear(command: Command): void {
    if (this.drop(command)) return;
    this.heard.push(command);
    if (this.mute) return;
    if (command.type === 'resume') {
      this.say(this.state());
      for (const report of this.kept.values()) this.say(report);
    }
    if (command.type === 'acknowledge') this.kept.delete(command.call);
    if (command.type === 'start') this.#start(command);
  }

  #start(command: Start): void {
    const { call } = command;
    if (call > this.lastCall) {
      this.lastCall = call;
      this.executions += 1;
      this.running.set(call, command);
    }
    if (this.running.has(call)) this.say({ type: 'started', call, pid: 7, startedAtMs: 0 });
    else this.say(this.kept.get(call) ?? { type: 'forgotten', call });
  }

  state(): Report {
    return {
      type: 'state',
      instance: this.instance,
      version: 'test',
      shell: '/bin/sh',
      python: null,
      nowMs: 0,
      running: [...this.running.keys()],
      lastCall: this.lastCall,
      refusedFrames: 0,
      counters: COUNTERS,
    };
  }
}

export function ending(call: number, waitStatus = 0): Ending {
  const empty = { head: new Uint8Array(), tail: new Uint8Array(), totalBytes: 0, sha256: new Uint8Array(32) };
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
    exitedAtMs: 0,
    stdout: empty,
    stderr: empty,
    payload: new Uint8Array(),
    before: COUNTERS,
    after: COUNTERS,
  };
}
