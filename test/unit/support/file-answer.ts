import { headWithin } from '../../../src/outcome/text.ts';
import type { Transcript } from '../../../src/outcome/transcript.ts';
import { loadCatalog } from '../../../src/policy/load.ts';
import type { Ending } from '../../../src/protocol/messages.ts';
import { fitByBytes } from '../../../src/tokens/fit-bytes.ts';
import { fittedReply } from '../../../src/tools/fitted-reply.ts';
import { judgeEnding, resultOf } from '../../../src/tools/judged-ending.ts';
import type { Tool } from '../../../src/tools/tool.ts';
import { ended } from './fake-process.ts';

const { defaultTask } = loadCatalog({
  policiesDir: 'policies',
  imagesDir: 'images',
  taskFile: 'policies/tasks.yaml',
});
/** A token is a byte. */
const tokens = {
  fitToBudget: (transcript: Transcript, budgetTokens: number) =>
    Promise.resolve(fitByBytes(transcript, budgetTokens)),
  headToBudget: (text: string, budgetTokens: number) => Promise.resolve(headWithin(text, budgetTokens)),
};

/** What the model reads of an ending. */
export async function answer(
  tool: Tool,
  input: Record<string, unknown>,
  part: Partial<Ending>,
  budget = 100_000,
): Promise<string> {
  const run = { ...ended(1), ...part };
  const task = { ...defaultTask, answer_tokens: budget };
  const judged = judgeEnding(
    { kind: 'ended', need: 'files', record: run },
    { tool, input, limits: null, run },
  );
  return (await fittedReply(tokens, task, judged, resultOf(task.policy, judged))).output;
}
