import { readFileSync } from 'node:fs';

/** One command of a README, on one line, without its comment. */
export interface ReadmeCommand {
  readonly text: string;
  /** What its comment says that it prints; null where it says nothing of the kind. */
  readonly prints: string | null;
}

const FENCE = /^```(\w*)\n(.*?)^```$/gms;
const COMMENT = /\s+#\s+(.*)$/;
const PROGRAM =
  /^(?:[A-Z_]+=\S+ )*(?:(?:npm|npx|node|faultline|docker|curl|kill|make|python3) \S|docker\/setup\/\S)/;

/** The lines of its `sh` blocks, block by block, continued lines joined. */
export function blocksOf(file: string): ReadmeCommand[][] {
  const blocks = [...readFileSync(file, 'utf8').matchAll(FENCE)].filter(([, language]) => language === 'sh');
  return blocks.map(([, , body = '']) =>
    body
      .replaceAll(/\\\n\s*/g, '')
      .split('\n')
      .filter((line) => line !== '')
      .map(commandOf),
  );
}

function commandOf(line: string): ReadmeCommand {
  const said = COMMENT.exec(line)?.[1] ?? '';
  return { text: line.replace(COMMENT, ''), prints: said.startsWith('{') ? said : null };
}

/** Commands in the middle of a sentence, as code. */
export function inlineCommandsOf(file: string): string[] {
  const prose = readFileSync(file, 'utf8').replaceAll(FENCE, '');
  const code = [...prose.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text.replaceAll(/\s+/g, ' '));
  return code.filter((text) => PROGRAM.test(text));
}
