import { beforeAll, describe, expect, it } from 'vitest';
import { compose } from '../../src/outcome/transcript.ts';
import { processTranscript } from '../../src/tools/process-transcript.ts';
import { buildSandboxd, ending, python, SandboxdProcess, shell } from './sandboxd-process.ts';

beforeAll(buildSandboxd);

/** What the model would see, without the token budget. */
async function seen(sandboxd: SandboxdProcess, work: ReturnType<typeof shell>): Promise<string> {
  return compose(processTranscript(ending(await sandboxd.call(work))));
}

describe('both streams', () => {
  it.each([
    [
      'of a shell',
      'for t in one two three; do echo "test $t"; [ $t = two ] && echo "FAILED" >&2; sleep 0.05; done; true',
      'test one\ntest two\nFAILED\ntest three\n',
    ],
    [
      'where stderr begins',
      'echo + A >&2; sleep 0.05; echo A; sleep 0.05; echo + B >&2; sleep 0.05; echo B',
      '+ A\nA\n+ B\nB\n',
    ],
    [
      'of which one line is written in parts',
      'printf "test ... "; sleep 0.05; echo warning >&2; sleep 0.05; echo ok',
      'test ... ok\nwarning\n',
    ],
  ])('are read in the order in which they are written: %s', async (_what, command, text) => {
    await using sandboxd = await SandboxdProcess.start();
    expect(await seen(sandboxd, shell(command))).toBe(text);
  });

  it('of Python too', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const code =
      'import sys, time\nfor i in range(3):\n  print(i)\n  time.sleep(0.05)\n  print("e", i, file=sys.stderr)\n  time.sleep(0.05)';
    expect(await seen(sandboxd, python(code))).toBe('0\ne 0\n1\ne 1\n2\ne 2\n');
  });

  it('keep both ends each, and agree with the report of their order', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const command =
      'head -c 300000 /dev/zero | tr "\\0" a; head -c 300000 /dev/zero | tr "\\0" b >&2; echo; echo STDOUT-END; sleep 0.05; echo STDERR-END >&2';
    const end = ending(await sandboxd.call(shell(command)));
    expect(end.order?.at(-1)).toEqual([300_012, 300_000]);
    expect(end.stdout.totalBytes + end.stderr.totalBytes).toBe(600_023);
    expect(compose(processTranscript(end))).toMatch(/STDOUT-END\n[^]*STDERR-END\n$/);
  });

  it('change too often: the first and the last changes are kept', async () => {
    await using sandboxd = await SandboxdProcess.start();
    // FIONREAD: each write waits until the one before it has been read.
    const code =
      'import fcntl, os\ndef put(fd, text):\n  os.write(fd, text)\n  while fcntl.ioctl(fd, 0x541B, bytes(4)) != bytes(4): pass\n' +
      'for i in range(3000):\n  put(1, b"o\\n")\n  put(2, b"e\\n")';
    const end = ending(await sandboxd.call(python(code)));
    expect(end.order).toHaveLength(2048);
    expect(end.order?.slice(0, 3)).toEqual([
      [2, 0],
      [2, 2],
      [4, 2],
    ]);
    expect(end.order?.at(-1)).toEqual([6000, 5998]);
  }, 20_000);

  it('of a flood to both cost PID 1 no more than their bytes', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const command = 'yes out & yes err >&2 & wait';
    const end = ending(await sandboxd.call(shell(command), { timeoutMs: 2000, outputBytes: 2 ** 27 }));
    expect(end.killReason).not.toBe('none');
    expect(end.order?.length).toBeLessThanOrEqual(2048);
    expect(await seen(sandboxd, shell('echo fine'))).toBe('fine\n');
  }, 30_000);
});
