import { Duplex } from 'node:stream';

const HEADER_BYTES = 8;
const STDOUT = 1;

/**
 * Extracts stdout from the engine's multiplexed stream (header of 8 bytes: stream, 3 zeros, length). Buffers at most a
 * header: payloads are slices of the input.
 */
export class Demultiplexer {
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #payloadBytes = 0;

  /** @throws RangeError where the bytes are not such a stream; the attachment can't be used any more. */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#payloadBytes === 0) offset = this.#readHeader(chunk, offset);
      const end = Math.min(chunk.length, offset + this.#payloadBytes);
      if (end > offset && this.#header[0] === STDOUT) yield chunk.subarray(offset, end);
      this.#payloadBytes -= end - offset;
      offset = end;
    }
  }

  #readHeader(chunk: Uint8Array, offset: number): number {
    const end = Math.min(chunk.length, offset + HEADER_BYTES - this.#headerBytes);
    this.#header.set(chunk.subarray(offset, end), this.#headerBytes);
    this.#headerBytes += end - offset;
    if (this.#headerBytes < HEADER_BYTES) return end;
    this.#headerBytes = 0;
    if (this.#header.readUIntBE(0, 4) % 0x1000000 !== 0 || (this.#header[0] ?? 9) > 3) {
      throw new RangeError('not a multiplexed stream');
    }
    this.#payloadBytes = this.#header.readUInt32BE(4);
    return end;
  }
}

/** The attached socket as a byte stream: writes go to sandboxd's stdin, reads come from its stdout. */
export class StdioStream extends Duplex {
  readonly #socket: Duplex;

  constructor(socket: Duplex) {
    super();
    this.#socket = socket;
    const demultiplexer = new Demultiplexer();
    socket.on('data', (chunk: Uint8Array) => {
      try {
        for (const payload of demultiplexer.push(chunk)) if (!this.push(payload)) socket.pause();
      } catch (error) {
        this.destroy(error as Error);
      }
    });
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
