import type { Rollout } from '../../../src/client/client.ts';

/** One row of the dataset. */
export interface Question {
  readonly id: string;
  readonly question: string;
}

/**
 * An agent without a model: searches for the question's own words, opens a page of the results, and reads the table
 * cell whose row and column share most words with the question.
 *
 * @param rank Which of the results it opens, from 0: what makes its rollouts differ.
 */
export async function answer(
  rollout: Pick<Rollout, 'call'>,
  { question }: Question,
  rank = 0,
): Promise<string> {
  const found = await rollout.call('search', { query: question });
  const pages = pagesOf(found.output);
  const page = pages[rank] ?? pages[0];
  if (page === undefined) return 'unknown';
  const { output } = await rollout.call('cat', { path: page });
  return cellFor(question, tableOf(output));
}

/** Paths in the answer of `search`, best first. */
export function pagesOf(output: string): string[] {
  return output
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(' ') && line !== 'nothing found');
}

function tableOf(page: string): string[][] {
  const lines = page.split('\n').filter((line) => line.startsWith('|'));
  return lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function cellFor(question: string, rows: readonly (readonly string[])[]): string {
  const asked = new Set(wordsOf(question));
  const [header = [], ...body] = rows;
  const best = (texts: readonly string[]): number => {
    const scores = texts.map((text) => overlap(asked, text));
    return scores.indexOf(Math.max(...scores));
  };
  const row = body[best(body.map(([label = '']) => label))] ?? [];
  const column = 1 + best(header.slice(1));
  return row[column] ?? row.at(-1) ?? 'unknown';
}

function overlap(asked: ReadonlySet<string>, text: string): number {
  const words = wordsOf(text);
  return words.filter((word) => asked.has(word)).length / Math.sqrt(Math.max(1, words.length));
}

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
