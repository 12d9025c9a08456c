import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blocksOf, linesMissing, quickstartsOf } from '../../docker/support/readme-commands.ts';

const PAGE = `# Page
\`\`\`sh
one  # {"prints":1}
two \\
  three
\`\`\`

## Quickstart 1: begin

\`\`\`sh
start
\`\`\`

\`\`\`sh
cat > file <<'END'

# kept
END
\`\`\`

\`\`\`
seen …
\`\`\`

## Later

\`\`\`sh
four
\`\`\`
`;

let folder = '';
const page = (): string => join(folder, 'README.md');
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'faultline-readme-'));
  writeFileSync(page(), PAGE);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test('commands of quickstarts are pasted as they are, all others taken line by line', () => {
  expect(blocksOf(page()).map((block) => block.map(({ text }) => text))).toEqual([
    ['one', 'two three'],
    ['four'],
  ]);
  expect(quickstartsOf(page())).toEqual([
    {
      title: 'Quickstart 1: begin',
      pastes: [
        { text: 'start\n', shows: [] },
        { text: "cat > file <<'END'\n\n# kept\nEND\n", shows: ['seen …'] },
      ],
    },
  ]);
});

describe('what a page shows and was not printed', () => {
  test.each([
    ['nothing', ['a', 'c'], 'a\nb\nc', []],
    ['nothing, whatever the width of a table', [' a │ b │ 1'], ' a │ b    │     1 ', []],
    ['nothing where a part is left out', ['{"id":…', '… b'], '{"id":"x"}\nall b', []],
    ['a line that is missing', ['a', 'x'], 'a\nb', ['x']],
    ['a line that came too early', ['b', 'a'], 'a\nb', ['a']],
    ['a line that was printed once and is shown twice', ['a', 'a'], 'a', ['a']],
    ['a line of which only a part was printed', ['ab'], 'abc\nxab', ['ab']],
    ['a line with signs that mean something in patterns', ['a.c (1)'], 'abc (1)', ['a.c (1)']],
    ['a line whose end differs', ['{"id":…,"b":1}'], '{"id":2,"b":2}', ['{"id":…,"b":1}']],
  ])('%s', (_what, shows, printed, missing) => {
    expect(linesMissing(shows, printed)).toEqual(missing);
  });
});
