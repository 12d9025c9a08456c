import type { BUILT_IN_TOOLS, Task } from '../policy/schema.ts';
import { customTool } from './custom.ts';
import { listFiles, readFile, searchFiles, writeFile } from './files.ts';
import { pythonTool } from './python.ts';
import { shell } from './shell.ts';
import type { Tool } from './tool.ts';

const builtIn = {
  shell: () => shell,
  python: (task) => pythonTool('python', task),
  /** The same tool under the name that some models know. */
  code_interpreter: (task) => pythonTool('code_interpreter', task),
  read_file: () => readFile,
  write_file: () => writeFile,
  list_files: () => listFiles,
  search_files: () => searchFiles,
} as const satisfies Record<(typeof BUILT_IN_TOOLS)[number], (task: Task) => Tool>;

const boxes = new WeakMap<Task, ReadonlyMap<string, Tool>>();

/** The tools of a task by name. */
export function toolbox(task: Task): ReadonlyMap<string, Tool> {
  const known = boxes.get(task);
  if (known !== undefined) return known;
  const tools = task.tools.map((entry) =>
    typeof entry === 'string' ? builtIn[entry](task) : customTool(entry),
  );
  const box = new Map(tools.map((tool) => [tool.name, tool]));
  boxes.set(task, box);
  return box;
}
