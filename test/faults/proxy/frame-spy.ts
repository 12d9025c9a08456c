import { FrameDecoder } from '../../../src/protocol/framing.ts';
import { Demultiplexer } from '../../../src/sandbox/docker/stdio-stream.ts';
import { FRAMES, type FrameName } from './rule.ts';

const NAMES = new Map(Object.entries(FRAMES).map(([name, type]) => [type as number, name as FrameName]));

/** Calls up to this one are the engine's own readiness checks (`src/sandbox/readiness.ts`). */
const LAST_READINESS_CALL = 2;

/** Tells which frames end in which piece of an attached stream. Readiness checks are not told. */
export class FrameSpy {
  readonly #decoder = new FrameDecoder();
  readonly #multiplexed: Demultiplexer | null;

  constructor(toward: 'sandboxd' | 'controller') {
    this.#multiplexed = toward === 'controller' ? new Demultiplexer() : null;
  }

  push(chunk: Uint8Array): FrameName[] {
    const payloads = this.#multiplexed?.push(chunk) ?? [chunk];
    return [...payloads]
      .flatMap((payload) => this.#decoder.push(payload))
      .filter(({ call }) => call === 0 || call > LAST_READINESS_CALL)
      .flatMap(({ type }) => NAMES.get(type) ?? []);
  }
}
