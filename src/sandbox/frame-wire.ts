import { decodeReport, encodeCommand, UNKNOWN_INSTANCE } from '../protocol/codec.ts';
import { attachmentStart, FrameDecoder } from '../protocol/framing.ts';
import type { Wire } from './wire.ts';

/** The real byte form. `resume` ends whatever half a frame sandboxd holds from the attachment before. */
export const frameWire: Wire = {
  encode(command, instance) {
    const frame = encodeCommand(command, instance ?? UNKNOWN_INSTANCE);
    return command.type === 'resume' ? Buffer.concat([attachmentStart(), frame]) : frame;
  },
  reader() {
    const decoder = new FrameDecoder();
    return {
      push: (chunk) => decoder.push(chunk).flatMap((frame) => decodeReport(frame) ?? []),
    };
  },
};
