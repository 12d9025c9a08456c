import { brokenOff } from '../tools/locked-work.ts';
import type { TransferProblem, Transfers } from '../tools/transfer.ts';
import type { RolloutName } from '../rollouts/registry.ts';

/** The file is longer than `maxBytes`; its rest was not read. */
export interface TooLong {
  readonly maxBytes: number;
}

/** A file of the sandbox in memory. The model writes it, so it may be of any length. */
export async function wholeFile(
  transfer: Transfers,
  rollout: RolloutName,
  path: string,
  maxBytes: number,
): Promise<Buffer | TooLong | TransferProblem> {
  const found = await transfer.download(rollout, path);
  if ('problem' in found) return found;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of found.body as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > maxBytes) return { maxBytes }; // Leaving the loop ends the stream.
      chunks.push(chunk);
    }
  } catch (error) {
    return brokenOff(error);
  }
  return Buffer.concat(chunks);
}
