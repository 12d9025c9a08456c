/** A limit of the kernel that all sandboxes of a machine share: it counts objects by user or for the whole machine. */
interface SharedLimit {
  /** As `sysctl` names it. */
  readonly name: string;
  /** One object takes at least this much memory of the sandbox that makes it. */
  readonly bytes: number;
  /** Whether 0 stands for no limit. */
  readonly zeroIsUnlimited?: true;
  /** The largest value that the kernel takes. */
  readonly most?: number;
}

/**
 * What sandboxes share although each has its own memory limit, user number or not. The same table is in
 * `docker/setup/limits`, which raises them; a test compares the two. Sizes: README.md.
 */
export const SHARED_LIMITS: readonly SharedLimit[] = [
  { name: 'fs.epoll.max_user_watches', bytes: 128 },
  { name: 'fs.inotify.max_user_instances', bytes: 512 },
  { name: 'fs.inotify.max_user_watches', bytes: 64 },
  { name: 'fs.pipe-user-pages-soft', bytes: 32, zeroIsUnlimited: true },
  { name: 'fs.pipe-user-pages-hard', bytes: 32, zeroIsUnlimited: true },
  { name: 'fs.file-max', bytes: 128 },
  { name: 'fs.aio-max-nr', bytes: 32 },
  { name: 'kernel.pty.max', bytes: 1024 },
  { name: 'kernel.pid_max', bytes: 8192, most: 2 ** 22 },
];

/** What every one of the other settings takes. */
const MOST = 2 ** 31 - 1;

/** What is found on this machine. */
export interface SharedLimitFacts {
  readonly memoryTotalBytes: number;
  /** By name; null where the kernel has no such setting. */
  readonly sharedLimits: Readonly<Record<string, number | null>>;
}

interface LowLimit {
  readonly name: string;
  readonly value: number;
  readonly wanted: number;
}

/** Limits that sandboxes could use up before the machine's memory is used up. Pure. */
export function lowLimits({ memoryTotalBytes, sharedLimits }: SharedLimitFacts): readonly LowLimit[] {
  return SHARED_LIMITS.flatMap(({ name, bytes, zeroIsUnlimited, most = MOST }) => {
    const value = sharedLimits[name] ?? null;
    const wanted = Math.min(most, Math.floor(memoryTotalBytes / bytes));
    if (value === null || value >= wanted || (value === 0 && zeroIsUnlimited === true)) return [];
    return [{ name, value, wanted }];
  });
}
