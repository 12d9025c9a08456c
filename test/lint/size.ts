/**
 * `npm run check:size [FOLDER]`: how large the source is. Counts the lines of each TypeScript file and of each function
 * below FOLDER (default `src`), and prints median, 90th percentile and maximum, with the place of each maximum.
 * A function is what has a name and a body: declaration, method, accessor, constructor, or a function that a constant
 * or property holds. Callbacks without a name count as lines of the function around them.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

interface Measured {
  readonly place: string;
  readonly lines: number;
}

function functionsIn(file: string, text: string): Measured[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const lineOf = (position: number): number => source.getLineAndCharacterOfPosition(position).line + 1;
  const found: Measured[] = [];
  const visit = (node: ts.Node): void => {
    if (isNamedFunction(node)) {
      const first = lineOf(node.getStart(source));
      found.push({ place: `${file}:${String(first)}`, lines: lineOf(node.end) - first + 1 });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function isNamedFunction(node: ts.Node): boolean {
  if (ts.isArrowFunction(node) || ts.isFunctionExpression(node))
    return (
      ts.isVariableDeclaration(node.parent) ||
      ts.isPropertyDeclaration(node.parent) ||
      ts.isPropertyAssignment(node.parent)
    );
  return ts.isFunctionLike(node) && 'body' in node && node.body !== undefined;
}

/** The smallest value that at least this share of all values does not exceed. */
function quantile(sorted: readonly Measured[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]?.lines ?? 0;
}

function row(what: string, measured: readonly Measured[]): string {
  const sorted = measured.toSorted((a, b) => a.lines - b.lines);
  const figures = [measured.length, quantile(sorted, 0.5), quantile(sorted, 0.9), quantile(sorted, 1)];
  return `${what.padEnd(10)}${figures.map((one) => one.toLocaleString('en-US').padStart(8)).join('')}  ${sorted.at(-1)?.place ?? ''}`;
}

const folder = process.argv[2] ?? 'src';
const paths = globSync('**/*.ts', { cwd: folder, exclude: (name) => name === 'node_modules' })
  .filter((path) => !path.endsWith('.d.ts'))
  .sort();
const texts = paths.map((path): [string, string] => [path, readFileSync(join(folder, path), 'utf8')]);
const files = texts.map(([place, text]) => ({ place, lines: text.split('\n').length - 1 }));

console.log(
  `${folder}: ${files.reduce((sum, { lines }) => sum + lines, 0).toLocaleString('en-US')} lines of TypeScript`,
);
console.log(
  `${''.padEnd(10)}${['count', 'median', 'p90', 'max'].map((one) => one.padStart(8)).join('')}  longest`,
);
console.log(row('files', files));
console.log(
  row(
    'functions',
    texts.flatMap(([path, text]) => functionsIn(path, text)),
  ),
);
