import type { Duplex } from 'node:stream';
import { pause } from '../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../kernel/deadline.ts';
import { errorMessage } from '../kernel/errors.ts';
import { encodeCommand, UNKNOWN_INSTANCE } from '../protocol/command-codec.ts';
import { attachmentStart, FrameDecoder } from '../protocol/framing.ts';
import type { Command, Report } from '../protocol/messages.ts';
import { decodeReport } from '../protocol/report-codec.ts';
import type { LinkOptions, LinkOwner } from './link-contract.ts';
import { SandboxFault } from './sandbox.ts';

interface Attachment {
  readonly stream: Duplex;
  /** A partial frame is lost with its attachment. */
  readonly decoder: FrameDecoder;
  answered: PromiseWithResolvers<undefined>;
}

/**
 * The attachment to one sandboxd, restored when it breaks.
 *
 *     attaching --state--> attached --stream broke, renew--> attaching --no way back--> closed
 *
 * `resume` is the first command of every attachment. Another instance of sandboxd does not know earlier calls, so it
 * closes the link. Only the current stream is read. A stream that opens after its deadline is destroyed.
 */
export class SandboxdLink {
  readonly #options: LinkOptions;
  readonly #owner: LinkOwner;
  #status: 'attaching' | 'attached' | 'closed' = 'attaching';
  #current: Attachment | null = null;
  #instance: string | null;

  constructor(options: LinkOptions, owner: LinkOwner) {
    this.#options = options;
    this.#owner = owner;
    this.#instance = options.instance;
  }

  get instance(): string | null {
    return this.#instance;
  }

  get attached(): boolean {
    return this.#status === 'attached';
  }

  /** The first attachment. @throws SandboxFault; the link is closed then. */
  async open(deadline: Deadline): Promise<void> {
    try {
      await this.#connect(deadline);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** False where there is no attachment: the command was not sent. */
  send(command: Command): boolean {
    if (this.#status !== 'attached' || this.#current === null) return false;
    this.#current.stream.write(encode(command, this.#instance));
    return true;
  }

  /** Resolves when sandboxd has answered over the current stream. @throws SandboxFault, DeadlineExceeded. */
  async awaitAnswer(deadline: Deadline): Promise<void> {
    const attachment = this.#current;
    if (this.#status !== 'attached' || attachment === null)
      throw new SandboxFault('lost', 'there is no attachment to sandboxd');
    attachment.answered = Promise.withResolvers<undefined>();
    this.send({ type: 'resume' });
    await deadline.race(attachment.answered.promise);
  }

  /** Replaces the stream by a new attachment. */
  renew(): void {
    if (this.#status === 'attached' && this.#current !== null) this.#broke(this.#current);
  }

  /** Does not call the owner. */
  close(): void {
    this.#status = 'closed';
    const current = this.#current;
    this.#current = null;
    current?.stream.destroy();
    current?.answered.reject(new SandboxFault('lost', 'detached'));
  }

  #fail(fault: SandboxFault): void {
    if (this.#status === 'closed') return;
    this.close();
    this.#owner.closed(fault);
  }

  async #connect(deadline: Deadline): Promise<void> {
    const { clock, times } = this.#options;
    for (let backoffMs = times.firstBackoffMs; ; backoffMs = Math.min(backoffMs * 2, times.lastBackoffMs)) {
      try {
        await this.#attempt(deadline.within('engine_request', times.attemptMs));
        return;
      } catch (error) {
        const fault = asFault(error);
        if (!isTransient(fault) || this.#status === 'closed' || deadline.remainingMs <= backoffMs)
          throw fault;
      }
      await pause(clock, backoffMs * (0.5 + Math.random() / 2));
    }
  }

  async #attempt(deadline: Deadline): Promise<void> {
    const stream = await this.#openStream(deadline);
    const attachment: Attachment = {
      stream,
      decoder: new FrameDecoder(),
      answered: Promise.withResolvers<undefined>(),
    };
    this.#current = attachment;
    this.#listen(attachment);
    // To any instance: sandboxd does not answer frames for another one.
    stream.write(encode({ type: 'resume' }, null));
    try {
      await deadline.race(attachment.answered.promise);
    } catch (error) {
      if (this.#current === attachment) this.#current = null;
      stream.destroy();
      if (!(error instanceof DeadlineExceeded)) throw error;
      throw new SandboxFault('agent_silent', 'the stream is attached, but sandboxd does not answer', {
        cause: error,
      });
    }
  }

  async #openStream(deadline: Deadline): Promise<Duplex> {
    const opening = this.#options.attach(deadline);
    let late = true;
    try {
      const stream = await deadline.race(opening);
      late = false;
      if (this.#status !== 'closed') return stream;
      stream.destroy();
      throw new SandboxFault('lost', 'detached');
    } finally {
      if (late) opening.then((stream) => stream.destroy()).catch(() => undefined);
    }
  }

  #listen(attachment: Attachment): void {
    const { stream } = attachment;
    stream.on('data', (chunk: Uint8Array) => {
      for (const frame of attachment.decoder.push(chunk)) {
        const report = decodeReport(frame);
        if (report !== null && this.#current === attachment) this.#handle(attachment, report);
      }
    });
    // `close` follows every error; without a listener the error would be thrown.
    stream.on('error', () => undefined);
    stream.on('end', () => stream.destroy());
    stream.on('close', () => {
      this.#broke(attachment);
    });
  }

  #handle(attachment: Attachment, report: Report): void {
    if (report.type !== 'state') {
      if (this.#status === 'attached') this.#owner.reported(report);
      return;
    }
    if (this.#instance !== null && this.#instance !== report.instance) {
      const fault = new SandboxFault(
        'lost',
        'another sandboxd instance answers: the container was started again',
      );
      attachment.answered.reject(fault);
      this.#fail(fault);
      return;
    }
    this.#instance = report.instance;
    this.#status = 'attached';
    this.#owner.attached(report);
    attachment.answered.resolve(undefined);
  }

  #broke(attachment: Attachment): void {
    if (this.#current !== attachment) return;
    this.#current = null;
    attachment.stream.destroy();
    if (this.#status !== 'attached') {
      attachment.answered.reject(new SandboxFault('engine_down', 'the attached stream ended'));
      return;
    }
    this.#status = 'attaching';
    this.#owner.detached();
    const deadline = Deadline.after(this.#options.clock, 'sandboxd_silence', this.#options.times.reattachMs);
    this.#connect(deadline).catch((error: unknown) => {
      const fault = asFault(error);
      const code = fault.code === 'agent_silent' ? 'agent_silent' : 'lost';
      this.#fail(new SandboxFault(code, fault.message, { cause: fault }));
    });
  }
}

/** `resume` also ends the partial frame that sandboxd may hold from the previous attachment. */
function encode(command: Command, instance: string | null): Uint8Array {
  const frame = encodeCommand(command, instance ?? UNKNOWN_INSTANCE);
  return command.type === 'resume' ? Buffer.concat([attachmentStart(), frame]) : frame;
}

function isTransient(fault: SandboxFault): boolean {
  return fault.code === 'engine_down' || fault.code === 'engine_error' || fault.code === 'agent_silent';
}

function asFault(error: unknown): SandboxFault {
  if (error instanceof SandboxFault) return error;
  return new SandboxFault('engine_down', errorMessage(error), { cause: error });
}
