import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import { errorMessage } from '../kernel/errors.ts';
import { checkPolicy } from './check-policy.ts';
import { checkTask } from './check-task.ts';
import { ConfigurationError, type Problem } from './configuration-error.ts';
import { deepFreeze } from './deep-freeze.ts';
import {
  imageSchema, name as nameSchema, policySchema, taskFileSchema,
  type Catalog, type Image, type Policy, type SetupFile, type Task, type TaskDefinition,
} from './schema.ts'; // prettier-ignore
import { YamlFile } from './yaml-file.ts';

/** The usual name of the task file; a sandbox policy cannot have it. */
const TASK_FILE = 'tasks.yaml';

export interface CatalogFiles {
  /** Every `*.yaml` in it is a sandbox policy, except `tasks.yaml` and `taskFile`. */
  readonly policiesDir: string;
  /** Every folder in it with an `image.yaml` is an image. */
  readonly imagesDir: string;
  readonly taskFile: string;
}

/**
 * Reads everything that an operator configured, checks it as a whole, and freezes it.
 *
 * @param earlier The catalog that this one replaces; an image or sandbox policy that differs gets the next generation.
 * @throws ConfigurationError with every mistake in every file; the server must not start then.
 */
export function loadCatalog(files: CatalogFiles, earlier?: Catalog): Catalog {
  const problems: Problem[] = [];
  const policies = loadNamed(
    policyFiles(files, problems),
    policySchema,
    checkPolicy,
    problems,
    earlier?.policies,
  );
  const images = loadNamed(imageFiles(files, problems), imageSchema, checkImage, problems, earlier?.images);
  const { tasks, defaultTask } = loadTasks(files.taskFile, policies, images, problems);
  if (problems.length > 0 || defaultTask === undefined) throw new ConfigurationError(problems);
  return Object.freeze({ defaultTask, tasks, images: present(images), policies: present(policies) });
}

/** Null: the file exists but has mistakes, so a reference to it is not reported as unknown in addition. */
type Found<Value> = ReadonlyMap<string, Value | null>;

function loadNamed<Schema extends z.ZodObject, Value extends z.output<Schema> & Named>(
  paths: ReadonlyMap<string, string>,
  schema: Schema,
  check: (value: Value, file: YamlFile) => void,
  problems: Problem[],
  earlier: ReadonlyMap<string, Value> | undefined,
): Found<Value> {
  const found = new Map<string, Value | null>();
  for (const [name, path] of paths) {
    const file = new YamlFile(path);
    const bad = nameSchema.safeParse(name).error?.issues[0];
    if (bad !== undefined) file.add([], `the name "${name}" is not allowed: ${bad.message}`);
    const content = file.parse(schema);
    const fresh = { name, ...content } as unknown as Value;
    const value = content === null ? null : deepFreeze(inGeneration(fresh, earlier?.get(name)));
    if (value !== null) check(value, file);
    found.set(name, value);
    problems.push(...file.problems);
  }
  return found;
}

interface Named {
  readonly name: string;
  readonly generation?: number;
}

/** `before` itself if nothing changed, else `fresh` with the next generation number. */
function inGeneration<Value extends Named>(fresh: Value, before: Value | undefined): Value {
  if (before === undefined) return fresh;
  const { generation = 1, ...content } = before;
  return isDeepStrictEqual(content, fresh) ? before : { ...fresh, generation: generation + 1 };
}

function checkImage(image: Image, file: YamlFile): void {
  if (image.build === undefined) return;
  const dockerfile = join(dirname(file.path), image.build, 'Dockerfile');
  if (!existsSync(dockerfile)) file.add(['build'], `there is no ${relative(process.cwd(), dockerfile)}`);
}

function loadTasks(path: string, policies: Found<Policy>, images: Found<Image>, problems: Problem[]) {
  const file = new YamlFile(path);
  const content = file.parse(taskFileSchema);
  const tasks = new Map<string, Task>();
  for (const name of content === null ? [] : file.keysOf(['tasks'])) {
    const definition = content?.tasks[name];
    const task = definition && resolveTask(name, definition, policies, images, file);
    if (task) tasks.set(name, task);
  }
  if (content !== null && !Object.hasOwn(content.tasks, content.default)) {
    file.add(['default'], `there is no task "${content.default}"`);
  }
  problems.push(...file.problems);
  return { tasks, defaultTask: content === null ? undefined : tasks.get(content.default) };
}

function resolveTask(
  name: string,
  definition: TaskDefinition,
  policies: Found<Policy>,
  images: Found<Image>,
  file: YamlFile,
): Task | null {
  const image = images.get(definition.image);
  const policy = policies.get(definition.policy);
  if (image === undefined) file.add(['tasks', name, 'image'], unknownName('image', definition.image, images));
  if (policy === undefined)
    file.add(['tasks', name, 'policy'], unknownName('sandbox policy', definition.policy, policies));
  if (!image || !policy) return null;
  const { tools, setup, when, calls, call_ids, answer_tokens, python_start } = definition;
  const files = definition.files.map((entry, index) =>
    setupFile(entry, file, ['tasks', name, 'files', index]),
  );
  const rest = { setup, files, when, calls, call_ids, answer_tokens, python_start };
  const task: Task = deepFreeze({ name, image, policy, tools, ...rest });
  checkTask(task, file);
  return task;
}

function setupFile(
  entry: TaskDefinition['files'][number],
  file: YamlFile,
  at: readonly PropertyKey[],
): SetupFile {
  const { path } = entry;
  if ('content' in entry) return { path, base64: Buffer.from(entry.content).toString('base64') };
  try {
    return { path, base64: readFileSync(join(dirname(file.path), entry.source)).toString('base64') };
  } catch (error) {
    file.add([...at, 'source'], errorMessage(error));
    return { path, base64: '' };
  }
}

function unknownName(kind: string, name: string, known: ReadonlyMap<string, unknown>): string {
  const names = [...known.keys()].join(', ');
  return `there is no ${kind} "${name}"${names === '' ? '' : `; there are ${names}`}`;
}

function present<Value>(found: Found<Value>): ReadonlyMap<string, Value> {
  return new Map([...found].filter((entry): entry is [string, Value] => entry[1] !== null));
}

function policyFiles(files: CatalogFiles, problems: Problem[]): Map<string, string> {
  const names = listFolder(files.policiesDir, problems).filter((name) => name.endsWith('.yaml'));
  const paths = names.map((name) => join(files.policiesDir, name));
  const policies = paths.filter(
    (path) => basename(path) !== TASK_FILE && resolve(path) !== resolve(files.taskFile),
  );
  return new Map(policies.map((path) => [basename(path, '.yaml'), path]));
}

function imageFiles(files: CatalogFiles, problems: Problem[]): Map<string, string> {
  const folders = listFolder(files.imagesDir, problems);
  const paths = folders.map((name): [string, string] => [name, join(files.imagesDir, name, 'image.yaml')]);
  return new Map(paths.filter(([, path]) => existsSync(path)));
}

function listFolder(path: string, problems: Problem[]): string[] {
  try {
    return readdirSync(path).sort();
  } catch (error) {
    problems.push({ file: path, line: null, field: '', message: errorMessage(error) });
    return [];
  }
}
