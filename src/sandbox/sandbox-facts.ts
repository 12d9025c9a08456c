/** What `sandboxd --rights-report` printed in a sandbox: files of its kernel as a command sees them, and what was tried. */
export interface SandboxFacts {
  /** Lines by path. A file that is not there has none. */
  readonly files: ReadonlyMap<string, readonly string[]>;
  /** Error number by name; 0 where it succeeded. */
  readonly attempts: ReadonlyMap<string, number>;
  /** Bytes that the container's own disk took. */
  readonly writtenBytes: number;
}

/** @throws RangeError where the text is not whole: without its end, limits that were not read would look like held ones. */
export function parseSandboxFacts(text: string): SandboxFacts {
  const files = new Map<string, string[]>();
  const attempts = new Map<string, number>();
  let writtenBytes = 0;
  let lines: string[] = [];
  for (const line of text.split('\n')) {
    const file = /^= (.+)$/.exec(line)?.[1];
    const attempt = /^! (.+) (\d+)$/.exec(line);
    if (file !== undefined) files.set(file, (lines = []));
    else if (attempt !== null) attempts.set(attempt[1] ?? '', Number(attempt[2]));
    else if (line.startsWith('# written ')) writtenBytes = Number(line.slice('# written '.length));
    else if (line.startsWith(' ')) lines.push(line.slice(1));
  }
  if (!attempts.has('create in /')) throw new RangeError('sandboxd --rights-report was cut short');
  return { files, attempts, writtenBytes };
}

/** The value of a line such as `Seccomp:\t2`; null where there is none. */
export function fieldOf({ files }: SandboxFacts, path: string, name: string): string | null {
  const line = files.get(path)?.find((one) => one.startsWith(`${name}:`));
  return line === undefined ? null : line.slice(name.length + 1).trim();
}

/** A file with one number, such as a cgroup's; null where it is missing, Infinity for `max`. */
export function numberIn({ files }: SandboxFacts, path: string): number | null {
  const text = files.get(path)?.[0]?.trim() ?? '';
  if (text === 'max') return Infinity;
  return /^-?\d+$/.test(text) ? Number(text) : null;
}

/** Soft and hard limit of a line of /proc/self/limits; null where there is none. */
export function resourceLimit({ files }: SandboxFacts, name: string): readonly [number, number] | null {
  const line = files.get('/proc/self/limits')?.find((one) => one.startsWith(`Max ${name} `));
  const values = line?.slice(`Max ${name} `.length).trim().split(/\s+/) ?? [];
  const [soft, hard] = values.map((value) => (value === 'unlimited' ? Infinity : Number(value)));
  return soft === undefined || hard === undefined ? null : [soft, hard];
}

export interface Mount {
  readonly type: string;
  readonly readOnly: boolean;
  /** Options of the file system, `size=131072k` among them. */
  readonly options: readonly string[];
}

/** The uppermost mount on a folder; null where nothing is mounted. */
export function mountOn({ files }: SandboxFacts, folder: string): Mount | null {
  const line = files.get('/proc/self/mountinfo')?.findLast((one) => one.split(' ')[4] === folder);
  const [own = '', rest = ''] = line?.split(' - ') ?? [];
  const [type = '', , options = ''] = rest.split(' ');
  if (line === undefined) return null;
  const readOnly = [own.split(' ')[5] ?? '', options].some((list) => list.split(',').includes('ro'));
  return { type, readOnly, options: options.split(',') };
}

/** Names of the network interfaces; null where they can't be read. */
export function interfacesOf({ files }: SandboxFacts): readonly string[] | null {
  const lines = files.get('/proc/net/dev') ?? [];
  if (lines.length < 2) return null;
  return lines.slice(2).map((line) => line.split(':')[0]?.trim() ?? '');
}
