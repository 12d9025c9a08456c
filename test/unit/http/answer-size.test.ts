import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ANSWER_BYTES, fitJson, fitOutput, fitResult } from '../../../src/http/answer-size.ts';
import { authorized, testServer } from '../support/http-server.ts';

const jsonBytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value));
const RESULT = {
  exit_code: 0,
  signal: null,
  stdout: '',
  stderr: '',
  truncated: false,
  notice: null,
  duration_ms: 1,
};

describe('one text', () => {
  test('what fits is left alone, to the byte', () => {
    const text = '\u0001'.repeat(1000);
    expect(fitJson(text, 6002)).toBe(text);
    expect(fitJson(text, 6001)).not.toBe(text);
  });

  test('head and tail survive around the count of what is missing', () => {
    const cut = fitJson(`head${'x'.repeat(10_000)}tail`, 1000);
    expect(cut).toMatch(/^headx+\n\[9,\d{3} bytes omitted\]\nx+tail$/);
  });

  test('counts what an earlier cut has left out', () => {
    const earlier = `${'a'.repeat(500)}\n[12,345,678 bytes omitted]\n${'z'.repeat(500)}`;
    const cut = fitJson(earlier, 300);
    const [marker = '', count = ''] = /\n\[([\d,]+) bytes omitted\]\n/.exec(cut) ?? [];
    expect(cut.length - marker.length + Number(count.replaceAll(',', ''))).toBe(1001 + 12_345_678);
  });

  test('never longer than asked for and never half a character, whatever the text', () => {
    const units = fc.constantFrom('\u0000', '\n', '"', '\\', 'a', 'é', '€', '😀', '\ud800', '\u2028');
    fc.assert(
      fc.property(
        fc.array(units, { minLength: 100, maxLength: 400 }),
        fc.integer({ min: 120, max: 900 }),
        (parts, bytes) => {
          const text = parts.join('');
          const cut = fitJson(text, bytes);
          expect(jsonBytes(cut)).toBeLessThanOrEqual(bytes);
          if (text.isWellFormed()) expect(cut.isWellFormed()).toBe(true);
        },
      ),
    );
  });
});

describe('a whole answer', () => {
  test.each([
    ['letters', 'x'],
    ['control characters', '\u0001'],
    ['quotes', '"'],
    ['characters of four bytes', '😀'],
  ])('1.2 MB of %s become less than 1 MB of JSON', (_what, unit) => {
    const text = unit.repeat(1_200_000 / unit.length);
    expect(jsonBytes(fitOutput(text))).toBeLessThan(ANSWER_BYTES);
    const all = fitResult(text, { ...RESULT, stdout: text, stderr: text });
    expect(jsonBytes(all)).toBeLessThan(ANSWER_BYTES);
    expect(all.result?.truncated).toBe(true);
  });

  test('a result that fits is passed on as it is', () => {
    expect(fitResult('out', RESULT).result).toBe(RESULT);
  });

  test.each([
    ['x', 2_000_000],
    ['\u0000', 400_000],
  ])('of a route, with ids of the longest kind: %j', async (unit, count) => {
    await using server = await testServer({ policy: { answer_tokens: 100_000_000 } });
    server.engine.script = () => Promise.resolve(unit.repeat(count));
    const id = '\u2028'.repeat(256);
    const payload = { id, call_id: id, trace_id: id, name: 'shell', arguments: { command: 'yes' } };
    const headers = authorized();
    const tool = await server.app.inject({ method: 'POST', url: '/v1/tools', headers, payload });
    const url = `/v1/rollouts/${encodeURIComponent(id)}/calls/${encodeURIComponent(id)}`;
    const native = await server.app.inject({ url, headers });
    for (const reply of [tool, native]) {
      expect(reply.statusCode).toBe(200);
      expect(reply.rawPayload.length).toBeLessThan(ANSWER_BYTES);
      expect(reply.rawPayload.length).toBeGreaterThan(ANSWER_BYTES / 2);
      expect(reply.json<{ output: string }>().output).toContain('bytes omitted');
    }
  });
});
