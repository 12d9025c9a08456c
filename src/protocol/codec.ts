/**
 * Messages to frames and back. Reading returns null for a frame that is no message: an unknown type, a field missing,
 * twice or of a wrong size. Writing a command throws RangeError where its content does not fit into one frame.
 */
import { INSTANCE_BYTES } from './framing.ts';

export { decodeCommand, encodeCommand } from './command-codec.ts';
export { decodeReport, encodeReport } from './report-codec.ts';

/** What a `resume` may carry in place of an instance that is not known yet. */
export const UNKNOWN_INSTANCE = '00'.repeat(INSTANCE_BYTES);
