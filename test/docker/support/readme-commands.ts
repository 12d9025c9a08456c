import { readFileSync } from 'node:fs';

/** One command of a README, on one line, without its comment. */
export interface ReadmeCommand {
  readonly text: string;
  /** The output that its comment promises (a comment that begins with `{`); null if it promises none. */
  readonly prints: string | null;
}

/** A block of a quickstart, as a reader pastes it into a terminal. */
export interface Paste {
  readonly text: string;
  /** The lines of the block after it that has no language: what the reader sees. Empty if there is no such block. */
  readonly shows: readonly string[];
}

export interface Quickstart {
  readonly title: string;
  readonly pastes: readonly Paste[];
}

const FENCE = /^```(\w*)\n(.*?)^```$/gms;
const COMMENT = /\s+#\s+(.*)$/;
const PROGRAM =
  /^(?:[A-Z_]+=\S+ )*(?:(?:npm|npx|node|faultline|docker|curl|kill|make|python3) \S|docker\/setup\/\S)/;
const QUICKSTART_HEADING = /^## (Quickstart .*)$/m;

/** The lines of its `sh` blocks, block by block, continued lines joined; without those of quickstarts. */
export function blocksOf(file: string): ReadmeCommand[][] {
  const sections = sectionsOf(file).filter((section) => !QUICKSTART_HEADING.test(section));
  const blocks = [...sections.join('').matchAll(FENCE)].filter(([, language]) => language === 'sh');
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

/** The sections `## Quickstart …` of a README, in order. */
export function quickstartsOf(file: string): Quickstart[] {
  return sectionsOf(file).flatMap((section) => {
    const title = QUICKSTART_HEADING.exec(section)?.[1];
    return title === undefined ? [] : [{ title, pastes: pastesOf(section) }];
  });
}

function pastesOf(section: string): Paste[] {
  const blocks = [...section.matchAll(FENCE)].map(([, language = '', body = '']) => ({ language, body }));
  return blocks.flatMap(({ language, body }, index) => {
    if (language !== 'sh') return [];
    const next = blocks[index + 1];
    const shows = next?.language === '' ? next.body.trimEnd().split('\n') : [];
    return [{ text: body, shows }];
  });
}

/** Split before each heading of the second level. */
function sectionsOf(file: string): string[] {
  return readFileSync(file, 'utf8').split(/^(?=## )/m);
}

/**
 * Which of the lines that a reader is shown were not printed. They must be printed in this order; other lines may stand
 * between them. `…` stands for any text; the length of white space does not count.
 */
export function linesMissing(shows: readonly string[], printed: string): string[] {
  const lines = printed.split('\n');
  let from = 0;
  return shows.filter((line) => {
    const at = lines.findIndex((candidate, index) => index >= from && patternOf(line).test(candidate.trim()));
    if (at >= 0) from = at + 1;
    return at < 0;
  });
}

function patternOf(line: string): RegExp {
  const escaped = line.trim().replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
  return new RegExp(`^${escaped.replaceAll(/\s+/g, String.raw`\s+`).replaceAll('…', '.*')}$`);
}
