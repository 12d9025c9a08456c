import type { BUILT_IN_TOOLS, Task } from '../policy/schema.ts';
import { customTool } from './custom.ts';
import { listFiles, readFile, searchFiles, writeFile } from './files.ts';
import { codeInterpreter, python } from './python.ts';
import { shell } from './shell.ts';
import type { Tool } from './tool.ts';

const builtIn = {
  shell,
  python,
  code_interpreter: codeInterpreter,
  read_file: readFile,
  write_file: writeFile,
  list_files: listFiles,
  search_files: searchFiles,
} as const satisfies Record<(typeof BUILT_IN_TOOLS)[number], Tool>;

const boxes = new WeakMap<Task, ReadonlyMap<string, Tool>>();

/** The tools of a task by name. */
export function toolbox(task: Task): ReadonlyMap<string, Tool> {
  const known = boxes.get(task);
  if (known !== undefined) return known;
  const tools = task.tools.map((entry) => (typeof entry === 'string' ? builtIn[entry] : customTool(entry)));
  const box = new Map(tools.map((tool) => [tool.name, tool]));
  boxes.set(task, box);
  return box;
}
