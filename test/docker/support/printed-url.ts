import type { ChildProcess } from 'node:child_process';

/** The address that a program says it listens on. */
export function printedUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => {
      reject(new Error(`ended with ${String(code)}`));
    });
    child.stdout?.on('data', (data: Buffer) => {
      const url = /http:\S+/.exec(data.toString())?.[0];
      if (url !== undefined) resolve(url);
    });
  });
}
