import { describe, expect, test } from 'vitest';
import { sampleCalls } from '../../../src/grading/sample-calls.ts';

const OURS = new Set(['shell', 'search']);
const found = (sample: unknown): string[] =>
  sampleCalls(sample, OURS).map(({ tool, callId }) => `${tool}:${callId ?? '-'}`);

const chat = (name: string, given: unknown, id: string | null = 'call_1') => ({
  ...(id !== null && { id }),
  type: 'function',
  function: { name, arguments: given },
});
const item = (name: string, given: unknown) => ({
  type: 'function_call',
  id: 'fc_1',
  call_id: 'call_1',
  name,
  arguments: given,
});
const inChoice = (call: unknown, rest: object = {}) => ({
  choices: [{ ...rest, message: { role: 'assistant', content: null, tool_calls: [call] } }],
});
const deep = `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`;

describe('the fields that a platform makes', () => {
  test.each<[string, unknown]>([
    ['tool_calls of a choice', inChoice(chat('shell', '{"command":"ls"}'))],
    ['arguments as an object', inChoice(chat('shell', { command: 'ls' }))],
    ['output_tools', { output_tools: [chat('shell', '{}')] }],
    ['tool_calls of the sample itself', { role: 'assistant', tool_calls: [chat('shell', '{}')] }],
    ['output items', { output: [{ type: 'reasoning' }, item('shell', '{}'), { type: 'message' }] }],
    ['a list of output items', [item('shell', '{}')]],
    [
      'assistant messages',
      {
        messages: [
          { role: 'user', content: 'do' },
          { role: 'assistant', tool_calls: [chat('shell', '{}')] },
        ],
      },
    ],
    [
      'the same call in two fields',
      { ...inChoice(chat('shell', '{}')), output_tools: [chat('shell', '{}')] },
    ],
    [
      'the same call, once without an id',
      { ...inChoice(chat('shell', '{}')), output_tools: [chat('shell', '{}', null)] },
    ],
  ])('%s', (_where, sample) => {
    expect(found(sample)).toEqual(['shell:call_1']);
  });

  test('the old function_call, which has no id', () => {
    const sample = {
      choices: [{ message: { role: 'assistant', function_call: { name: 'shell', arguments: '{}' } } }],
    };
    expect(found(sample)).toEqual(['shell:-']);
  });
});

/** None of it excludes a rollout: each is within a model's reach, or proves nothing. */
describe('what proves nothing', () => {
  const text = JSON.stringify(inChoice(chat('shell', '{}')));
  test.each<[string, unknown]>([
    [
      'text that looks like a call',
      { output_text: text, choices: [{ message: { role: 'assistant', content: text } }] },
    ],
    ['parsed text', { output_json: { ...inChoice(chat('shell', '{}')), output: [item('shell', '{}')] } }],
    ['a string as output', { output: JSON.stringify([item('shell', '{}')]) }],
    [
      'calls in content parts',
      { choices: [{ message: { role: 'assistant', content: [item('shell', '{}')] } }] },
    ],
    [
      'calls in the arguments of a foreign call',
      inChoice(chat('browse', JSON.stringify(inChoice(chat('shell', '{}'))))),
    ],
    ['a foreign tool', inChoice(chat('browse', '{}'))],
    ['a name that is almost ours', inChoice(chat('shell ', '{}'))],
    ['a name of every object', inChoice(chat('constructor', '{}'))],
    ['arguments that are not JSON', inChoice(chat('shell', '{"command":'))],
    ['arguments that are a list', inChoice(chat('shell', '["ls"]'))],
    ['arguments that are null', inChoice(chat('shell', 'null'))],
    ['arguments that are absent', inChoice({ type: 'function', function: { name: 'shell' } })],
    ['arguments nested 5,000 deep', inChoice(chat('shell', deep))],
    ['an object nested 5,000 deep', inChoice(chat('shell', JSON.parse(deep)))],
    [
      'arguments too long to be sent',
      inChoice(chat('shell', JSON.stringify({ command: 'x'.repeat(300_000) }))),
    ],
    ['an answer that was cut off', inChoice(chat('shell', '{}'), { finish_reason: 'length' })],
    ['an output item that was cut off', { output: [{ ...item('shell', '{}'), status: 'incomplete' }] }],
    [
      'an answer of the responses API that was cut off',
      { status: 'incomplete', output: [item('shell', '{}')] },
    ],
    [
      'examples in the prompt',
      {
        messages: [
          { role: 'assistant', tool_calls: [chat('shell', '{}')] },
          { role: 'user', content: 'now you' },
        ],
      },
    ],
    ['a call of the user', { messages: [{ role: 'user', tool_calls: [chat('shell', '{}')] }] }],
    ['nothing', null],
    ['text', 'shell'],
    ['a number', 7],
    ['lists of nothing', { choices: [null, 1, 'a', []], output: [null], messages: {}, tool_calls: 'no' }],
  ])('%s', (_what, sample) => {
    expect(found(sample)).toEqual([]);
  });
});
