import { errorMessage } from '../../kernel/errors.ts';
import type { Log } from '../../kernel/log.ts';

/** The registered runtimes to try: crun first, since it is the fastest, then the engine's default. */
export function candidates(registered: readonly string[], engineDefault: string): readonly string[] {
  const fast = registered.filter((name) => /^crun/.test(name)).sort();
  return [...new Set([...fast, engineDefault])];
}

/**
 * The first runtime that starts a container in which sandboxd answers. Registration is not enough: crun is registered on
 * machines where it can't work (both cgroup hierarchies mounted), and a broken runtime may hang instead of failing.
 *
 * @param works Starts and removes a sandbox on the runtime; has its own deadline.
 * @throws the error of `works` for the last candidate.
 */
export async function chooseRuntime(
  names: readonly string[],
  works: (runtime: string) => Promise<unknown>,
  log: Log,
): Promise<string> {
  for (const [position, name] of names.entries()) {
    try {
      await works(name);
      return name;
    } catch (error) {
      if (position === names.length - 1) throw error;
      log.warn(
        { runtime: name, error: errorMessage(error) },
        'runtime does not work on this host, trying the next',
      );
    }
  }
  throw new Error('the engine lists no runtime');
}
