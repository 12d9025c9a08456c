/** Generated trees, patterns and globs for `search.test.ts`. */
import fc from 'fast-check';

/** Blanks, digits, letters in both cases and of several alphabets, signs, and one outside the first plane. */
const CHARACTERS = Array.from('aaabbcdefoXYZ0129__--  \t.,(){}[]|/\\"\'éÉßλΛж漢🤣');

const character = fc.constantFrom(...CHARACTERS);
const line = fc.string({ unit: character, maxLength: 14 });
const names = ['a', 'b.py', 'c.ts', 'd.tsx', 'ab.py', '.hidden', 'x y.txt', 'ü.py', '[z].ts', 'src', 'lib'];
const folders = ['', 'src/', 'src/deep/', 'src/deep/er/', 'lib/', '.git/', 'a b/', 'src2/'];

/** Content by path. No path is also a folder. */
export const trees: fc.Arbitrary<Readonly<Record<string, string>>> = fc.dictionary(
  fc.tuple(fc.constantFrom(...folders), fc.constantFrom(...names)).map(
    ([folder, name]) =>
      // `src` and `lib` are folders too.
      `${folder}${name}${['src', 'lib'].includes(name) ? '.txt' : ''}`,
  ),
  fc
    .tuple(fc.array(line, { maxLength: 6 }), fc.boolean())
    .map(([lines, ends]) => lines.join('\n') + (ends ? '\n' : '')),
  { minKeys: 4, maxKeys: 14 },
);

const literal = character.map((c) => (/[A-Za-z0-9_\s"',/]|[^\0-\x7f]/.test(c) ? c : `\\${c}`));
const inClass = fc.oneof(
  fc.constantFrom(
    'a-e',
    '0-9',
    'X-Z',
    '\\d',
    '\\w',
    '\\s',
    'é',
    'λ',
    '\\W',
    '_',
    '\\-',
    '\\]',
    '.',
    'А-я',
    '🤣',
    '\\t',
  ),
);
const bracket = fc
  .tuple(fc.boolean(), fc.array(inClass, { minLength: 1, maxLength: 4 }))
  .map(([not, members]) => `[${not ? '^' : ''}${members.join('')}]`);
const atom = fc.oneof(
  { weight: 6, arbitrary: literal },
  { weight: 2, arbitrary: fc.constantFrom('.', '\\d', '\\w', '\\s', '\\D', '\\W', '\\S') },
  { weight: 2, arbitrary: bracket },
  { weight: 1, arbitrary: fc.constantFrom('\\x61', '\\u03bb', '\\t', '\\.') },
);
const quantifier = fc.constantFrom(
  '',
  '',
  '',
  '*',
  '+',
  '?',
  '*?',
  '+?',
  '??',
  '{2}',
  '{1,3}',
  '{0,2}?',
  '{2,}',
  '{,2}',
);

/** Patterns that Python and sandboxd read the same. */
export const patterns: fc.Arbitrary<string> = fc.letrec<{ whole: string; sequence: string; piece: string }>(
  (tie) => ({
    piece: fc.oneof(
      { maxDepth: 3, depthIdentifier: 'pattern' },
      fc.tuple(atom, quantifier).map(([one, many]) => one + many),
      fc.constantFrom('\\b', '^', '$', '(?:)'),
      fc
        .tuple(fc.constantFrom('(', '(?:', '(?P<n>', '(?i:', '(?s:'), tie('whole'), quantifier)
        .map(([open, inner, many]) => `${open}${inner})${many}`),
    ),
    sequence: fc.array(tie('piece'), { minLength: 1, maxLength: 5 }).map((pieces) => pieces.join('')),
    whole: fc.array(tie('sequence'), { minLength: 1, maxLength: 3 }).map((sequences) => sequences.join('|')),
  }),
).whole;

/** At the start of some; a name is there once only. */
export const flagged: fc.Arbitrary<string> = fc
  .tuple(fc.boolean(), patterns)
  .map(([fold, text]) => (fold ? '(?i)' : '') + text.replaceAll('(?P<n>', '('));

/** Any pieces of the notation in any order: mostly no patterns. Without what Python reads otherwise, such as `\\>`. */
export const soup: fc.Arbitrary<string> = fc
  .array(
    fc.constantFrom(
      ...[
        'a',
        'b',
        '0',
        ' ',
        '(',
        ')',
        '(?:',
        '(?i)',
        '(?=',
        '[',
        '[^',
        ']',
        '{',
        '}',
        '2',
        ',',
        '*',
        '+',
        '?',
        '|',
      ],
      ...[
        '\\',
        '\\d',
        '\\b',
        '\\1',
        '^',
        '$',
        '.',
        '-',
        '\\x',
        '\\n',
        'é',
        '(?<x>',
        '(?P<y>',
        '>',
        ':',
        '/',
        '\\]',
      ],
    ),
    { minLength: 1, maxLength: 9 },
  )
  .map((parts) => parts.join(''))
  .filter((text) => !/\[\^?\]?[[:.=]|\[\[|\(\?[<P]|\\>|--|&&|\|\||~~/.test(text));

export interface Glob {
  readonly text: string;
  /** The same without braces. */
  readonly alternatives: readonly string[];
}

const segment = fc.constantFrom(
  '*',
  '*.py',
  '*.t?',
  '?',
  '??.py',
  '[a-c]*',
  '[!a]*',
  'src',
  'src*',
  '*.ts',
  '.*',
  'deep',
  'a b',
  'ü.py',
);
const braced: fc.Arbitrary<Glob> = fc
  .tuple(
    fc.constantFrom('', '*', 'src/', '**/'),
    fc.uniqueArray(fc.constantFrom('.py', '.ts', 'a', 'b.py', 'deep', '*x', 'lib/*'), {
      minLength: 1,
      maxLength: 3,
    }),
    fc.constantFrom('', '*', '/*'),
  )
  .map(([before, inside, after]) => ({
    text: `${before}{${inside.join(',')}}${after}`,
    alternatives: inside.map((one) => before + one + after),
  }));
const plain: fc.Arbitrary<Glob> = fc
  .array(fc.oneof({ weight: 3, arbitrary: segment }, { weight: 1, arbitrary: fc.constant('**') }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => parts.join('/'))
  .map((text) => ({ text, alternatives: [text] }));

export const globs: fc.Arbitrary<Glob | null> = fc.option(
  fc.oneof({ weight: 3, arbitrary: plain }, { weight: 2, arbitrary: braced }),
);
