/** Runs `work` on every item, `width` at a time. After the first failure no further item starts, and the failure is thrown. */
export async function inParallel<Item>(
  items: readonly Item[],
  width: number,
  stop: AbortSignal,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = items.values();
  let failed = false;
  const lane = async (): Promise<void> => {
    for (const item of waiting) {
      if (failed) return;
      stop.throwIfAborted();
      await work(item);
    }
  };
  const guarded = async (): Promise<void> => {
    try {
      await lane();
    } catch (error) {
      failed = true;
      throw error;
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(width, items.length) }, guarded));
  const first = lanes.find((ending) => ending.status === 'rejected');
  if (first !== undefined) throw first.reason;
}
