import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';

/** One command of a trajectory. */
export interface Step {
  readonly run: string;
  /** The command for plain `docker exec`. It adds state that the tool keeps and a fresh `bash -c` does not, such as an export. */
  readonly plain: string;
}

export interface Trajectory {
  readonly id: string;
  /** The file tree that it runs on: 1 to 3, or 4 for the plain image. */
  readonly fs: number;
  readonly steps: readonly Step[];
}

export interface Problem {
  readonly id: string;
  readonly code: string;
}

export interface Cases {
  readonly trajectories: readonly Trajectory[];
  readonly problems: readonly Problem[];
  /** Archives to unpack in `/`, by file tree. */
  readonly trees: ReadonlyMap<number, string>;
}

export const PLAIN_IMAGE = 4;

const OWN_FOLDER = join(import.meta.dirname, 'cases');
const intercodeLine = z.object({ id: z.string(), fs: z.int().min(1).max(4), actions: z.array(z.string()) });
const step = z.union([z.string(), z.strictObject({ run: z.string(), plain: z.string() })]);
const ownLine = z.strictObject({ id: z.string(), steps: z.array(step) });
const problemLine = z.object({
  task_id: z.string(),
  prompt: z.string(),
  canonical_solution: z.string(),
  test: z.string(),
  entry_point: z.string(),
});

/** The public data sets in a folder. @throws Error of `node:fs` or zod that names the file. */
export async function publicCases(folder: string): Promise<Cases> {
  const file = join(folder, 'intercode', 'gpt-4.jsonl');
  const lines = parseLines(await readFile(file, 'utf8'), intercodeLine, file);
  const trajectories = lines.map(({ id, fs, actions }) => ({ id, fs, steps: actions.map(plainStep) }));
  const trees = new Map([1, 2, 3].map((fs) => [fs, join(folder, 'intercode', `fs_${String(fs)}.tar`)]));
  const packed = join(folder, 'humaneval', 'HumanEval.jsonl.gz');
  return { trajectories, problems: problems(gunzipSync(await readFile(packed)).toString(), packed), trees };
}

/** The project's own small set. */
export async function ownCases(): Promise<Cases> {
  const [shell, python] = [join(OWN_FOLDER, 'shell.jsonl'), join(OWN_FOLDER, 'python.jsonl')];
  const lines = parseLines(await readFile(shell, 'utf8'), ownLine, shell);
  const trajectories = lines.map(({ id, steps }) => ({
    id,
    fs: PLAIN_IMAGE,
    steps: steps.map((given) => (typeof given === 'string' ? plainStep(given) : given)),
  }));
  return { trajectories, problems: problems(await readFile(python, 'utf8'), python), trees: new Map() };
}

function plainStep(command: string): Step {
  return { run: command, plain: command };
}

function problems(text: string, file: string): Problem[] {
  return parseLines(text, problemLine, file).map((line) => ({
    id: line.task_id,
    code: `${line.prompt}${line.canonical_solution}\n${line.test}\ncheck(${line.entry_point})\n`,
  }));
}

function parseLines<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
  file: string,
): z.output<Schema>[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line, index) => {
    const parsed = schema.safeParse(JSON.parse(line));
    if (parsed.success) return parsed.data;
    throw new Error(`${file}:${String(index + 1)}: ${z.prettifyError(parsed.error)}`);
  });
}
