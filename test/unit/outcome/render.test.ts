import { describe, expect, it } from 'vitest';
import { attribute } from '../../../src/outcome/attribute.ts';
import { causes, type CauseCode, type Outcome } from '../../../src/outcome/causes.ts';
import type { Counters } from '../../../src/protocol/messages.ts';
import { noticeOf, unkeptNotices, waitResult, type ToolResult } from '../../../src/outcome/result.ts';
import { render, UNAVAILABLE_TEXT } from '../../../src/outcome/render.ts';
import { compose } from '../../../src/outcome/transcript.ts';

const ZEROS: Counters = {
  oomKills: 0,
  memoryUsageBytes: 0,
  memoryPeakBytes: 0,
  memoryLimitBytes: 1,
  pidsCurrent: 0,
  pidsLimit: 0,
  pidsLimitHits: 0,
  cpuUsageUs: 0,
  cpuThrottledUs: 0,
  cpuThrottledPeriods: 0,
  rootFreeBytes: 0,
  rootFreeInodes: 0,
};

const result = (change: Partial<ToolResult>): ToolResult => ({
  exit_code: 0,
  signal: null,
  stdout: '',
  stderr: '',
  truncated: false,
  notice: null,
  duration_ms: 1,
  ...change,
});
const completed: Outcome = { attribution: 'ok', cause: 'completed', executed: 'yes' };
const outcomeOf = (cause: CauseCode): Outcome => ({
  attribution: causes[cause].attribution,
  cause,
  executed: 'unknown',
});

describe('render', () => {
  it('adds nothing to an ordinary output', () => {
    expect(compose(render(completed, result({ stdout: 'hi\n' })).transcript)).toBe('hi\n');
  });

  it('separates what is said about the output from the output', () => {
    const bad = result({ stdout: 'no newline', stderr: 'bad', exit_code: 2 });
    expect(compose(render(completed, bad).transcript)).toBe('no newline\nbad\n[exit code 2]');
  });

  it.each(Object.keys(causes) as CauseCode[])(
    'gives %s a constant text wherever it is not the tool that speaks',
    (cause) => {
      const reply = render(outcomeOf(cause), result({ stdout: 'secret of the cause' }));
      expect(reply.status).toBe(causes[cause].status);
      const output = compose(reply.transcript);
      if (reply.status !== 200) expect(output).not.toContain('secret');
      if (reply.status === 503) expect(output).toBe(UNAVAILABLE_TEXT);
    },
  );

  it('never hints in a notice at whether the rollout counts', () => {
    for (const cause of Object.keys(causes) as CauseCode[]) {
      const notice = noticeOf(outcomeOf(cause), { timeoutMs: 60_000, memoryBytes: 2 ** 29, processes: 256 });
      expect(notice ?? '').not.toMatch(/exclu|infra|reward|score|valid|attribut|verdict/i);
    }
  });

  it('says what of the shell could not be kept, each kind once and every variable', () => {
    const kinds = ['variable', 'state', 'variables', 'directory', 'start-directory', 'state'] as const;
    const notices = unkeptNotices([
      ...kinds.map((kind) => ({ kind, name: 'A' })),
      { kind: 'variable', name: 'B' },
    ]);
    expect(notices).toHaveLength(5);
    expect(notices[0]).toBe('too large to be kept for later calls: exported A, B');
    expect(notices.join()).not.toMatch(/exclu|infra|reward|score|valid|attribut|verdict/i);
    expect(unkeptNotices([])).toEqual([]);
  });

  it('quotes the limit that was hit', () => {
    const outcome = attribute({
      kind: 'ended',
      need: 'shell',
      record: {
        waitStatus: 9,
        killReason: 'timeout',
        starvedMs: 0,
        killReach: 'tree',
        interpreter: 'kept',
        before: ZEROS,
        after: ZEROS,
      },
    });
    expect(noticeOf(outcome, { timeoutMs: 60_000, memoryBytes: 1, processes: 1 })).toBe(
      'timed out after 60 s',
    );
  });

  it.each([
    [0, 0, null],
    [7 << 8, 7, null],
    [137 << 8, 137, null],
    [9, null, 'SIGKILL'],
    [15 | 0x80, null, 'SIGTERM'],
  ])('reads wait status %i', (status, exitCode, signal) => {
    expect(waitResult(status)).toEqual({ exit_code: exitCode, signal });
  });
});
