import { Duplex } from 'node:stream';
import { attachmentStart, FrameDecoder } from '../../../src/protocol/framing.ts';
import type { Command, Counters, Ending, Report } from '../../../src/protocol/messages.ts';
import { COUNTER_PLACES } from '../../../src/protocol/tags.ts';
import { decodeCommand, encodeReport } from '../support/sandboxd-codec.ts';

type Start = Extract<Command, { type: 'start' }>;

const COUNTERS = Object.fromEntries(Object.keys(COUNTER_PLACES).map((name) => [name, -1])) as Record<
  keyof Counters,
  number
>;

export const FIRST_INSTANCE = '01'.repeat(16);
export const OTHER_INSTANCE = '02'.repeat(16);

/**
 * A sandboxd in memory that speaks the real protocol and keeps the real one's promises: each number starts at most once,
 * endings are kept until they are acknowledged, nothing is sent before `resume`. A test decides what is lost on the way
 * and when calls end.
 */
export class ScriptedSandboxd {
  instance = FIRST_INSTANCE;
  /** Set: attaching fails with this. */
  refuse: Error | null = null;
  /** Set: attached, but nothing is answered. */
  mute = false;
  /** Commands that are lost although they were written. */
  drop: (command: Command) => boolean = () => false;
  readonly received: Command[] = [];
  readonly running = new Map<number, Start>();
  readonly kept = new Map<number, Report>();
  attachments = 0;
  executions = 0;
  lastCall = 0;
  #stream: Duplex | null = null;
  /** One for all attachments: like the real one, sandboxd does not see where one ends. */
  readonly #decoder = new FrameDecoder();

  readonly attach = (): Promise<Duplex> => {
    this.attachments += 1;
    if (this.refuse !== null) return Promise.reject(this.refuse);
    this.#stream = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        this.receive(chunk);
        done();
      },
    });
    return Promise.resolve(this.#stream);
  };

  get refused(): number {
    return this.#decoder.refused;
  }

  breakStream(): void {
    this.#stream?.destroy();
    this.#stream = null;
  }

  send(report: Report): void {
    this.sendBytes(encodeReport(report, this.instance));
  }

  sendBytes(bytes: Uint8Array): void {
    this.#stream?.push(bytes);
  }

  end(call: number, waitStatus = 0): void {
    const report = ending(call, waitStatus);
    this.running.delete(call);
    this.kept.set(call, report);
    this.send(report);
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
      refusedFrames: this.refused,
      counters: COUNTERS,
    };
  }

  /** Bytes as they arrive at sandboxd, from whichever attachment. */
  receive(chunk: Uint8Array): void {
    for (const frame of this.#decoder.push(chunk)) {
      const command = decodeCommand(frame);
      if (command === null) throw new Error(`frame of type ${String(frame.type)} is no command`);
      const known = frame.instance === this.instance || command.type === 'resume';
      if (known && !this.drop(command)) this.#execute(command);
    }
  }

  #execute(command: Command): void {
    this.received.push(command);
    if (this.mute) return;
    if (command.type === 'resume') {
      this.sendBytes(attachmentStart());
      this.send(this.state());
      for (const report of this.kept.values()) this.send(report);
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
    if (this.running.has(call)) this.send({ type: 'started', call, pid: 7, startedAtMs: 0 });
    else this.send(this.kept.get(call) ?? { type: 'forgotten', call });
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
