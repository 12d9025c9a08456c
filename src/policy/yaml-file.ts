import { readFileSync } from 'node:fs';
import { isMap, isNode, isPair, isScalar, LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { errorMessage } from '../kernel/errors.ts';
import type { Problem } from './configuration-error.ts';

type Path = readonly PropertyKey[];

/** The end of zod's message for a required field that is missing. */
const RECEIVED_NOTHING = ', received undefined';

/** One YAML file: reads it, checks it against a schema, and finds the line of a field. */
export class YamlFile {
  readonly path: string;
  readonly problems: Problem[] = [];
  readonly #lines = new LineCounter();
  readonly #document: Document | null;

  constructor(path: string) {
    this.path = path;
    this.#document = this.#read();
  }

  /** The checked content; null if there are problems, which are then in `problems`. */
  parse<Schema extends z.ZodType>(schema: Schema): z.output<Schema> | null {
    const content = this.#content();
    if (this.problems.length > 0) return null;
    const result = schema.safeParse(content);
    if (result.success) return result.data;
    for (const issue of result.error.issues) this.#addIssue(issue, []);
    return null;
  }

  add(path: Path, message: string): void {
    this.problems.push({ file: this.path, line: this.#lineOf(path), field: formatPath(path), message });
  }

  /** Keys of a map in file order. A JavaScript object would put keys such as `1` first. */
  keysOf(path: Path): string[] {
    const node = this.#document?.getIn(path, true);
    if (!isMap(node)) return [];
    return node.items.map((pair) => String(isScalar(pair.key) ? pair.key.value : pair.key));
  }

  #read(): Document | null {
    try {
      const text = readFileSync(this.path, 'utf8');
      const document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
      for (const problem of [...document.errors, ...document.warnings]) {
        const line = this.#lines.linePos(problem.pos[0]).line;
        this.problems.push({ file: this.path, line, field: '', message: problem.message });
      }
      return document;
    } catch (error) {
      this.problems.push({ file: this.path, line: null, field: '', message: errorMessage(error) });
      return null;
    }
  }

  #content(): unknown {
    try {
      return this.#document?.toJS();
    } catch (error) {
      this.add([], errorMessage(error)); // An alias without an anchor, or too many aliases.
      return undefined;
    }
  }

  #addIssue(issue: z.core.$ZodIssue, base: Path): void {
    const path = [...base, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) this.add([...path, key], 'unknown field');
    } else if (issue.code === 'invalid_key') {
      this.add(path, issue.issues.map((inner) => inner.message).join('; '));
    } else if (issue.code === 'invalid_union' && issue.message === 'Invalid input') {
      for (const inner of nearestBranch(issue.errors)) this.#addIssue(inner, path);
    } else {
      this.add(path, issue.message.endsWith(RECEIVED_NOTHING) ? 'is missing' : issue.message);
    }
  }

  /** The line of the field; of the nearest field around it if the field itself is missing. */
  #lineOf(path: Path): number | null {
    const document = this.#document;
    if (document === null) return null;
    for (let length = path.length; length > 0; length -= 1) {
      const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
      const offset = offsetWithin(parent, path[length - 1]);
      if (offset !== null) return this.#lines.linePos(offset).line;
    }
    return this.#lines.linePos(document.contents?.range?.[0] ?? 0).line;
  }
}

/** Offset of a map's entry (its key) or of a list's item, in characters from the start of the file. */
function offsetWithin(parent: unknown, key: PropertyKey | undefined): number | null {
  if (isMap(parent)) {
    const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
    return isPair(pair) && isNode(pair.key) ? (pair.key.range?.[0] ?? null) : null;
  }
  const items =
    isNode(parent) && 'items' in parent && Array.isArray(parent.items) ? (parent.items as unknown[]) : [];
  const item = items[Number(key)];
  return isNode(item) ? (item.range?.[0] ?? null) : null;
}

/** The issues of the union's branch that fits the value best: the one whose issues are deepest in the value. */
function nearestBranch(branches: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] {
  const depth = (issues: readonly z.core.$ZodIssue[]): number =>
    Math.min(...issues.map((issue) => (issue.code === 'unrecognized_keys' ? 1 : issue.path.length)));
  const ranked = [...branches].sort((a, b) => depth(b) - depth(a) || a.length - b.length);
  return ranked[0] ?? [];
}

function formatPath(path: Path): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${String(part)}]` : `.${String(part)}`))
    .join('')
    .slice(typeof path[0] === 'number' ? 0 : 1);
}
