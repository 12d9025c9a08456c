import { errorMessage } from '../kernel/errors.ts';
import { pointerProblem } from './json-pointer.ts';
import { BUILT_IN_TOOLS, type CustomTool, type Rule, type Task } from './schema.ts';
import type { YamlFile } from './yaml-file.ts';

/** `{parameter}` in a custom tool's command. Braces around anything else, such as an awk program, are not placeholders. */
export const PLACEHOLDER = /\{([A-Za-z_][A-Za-z0-9_]*)\}/g;
const PARAMETER_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const NEEDS_PYTHON: readonly string[] = ['python', 'code_interpreter'];

type Path = readonly PropertyKey[];

/** The rules between a task's fields, its image and its sandbox policy. Each broken rule is added to `file.problems`. */
export function checkTask(task: Task, file: YamlFile): void {
  const path: Path = ['tasks', task.name];
  const seen = new Set<string>();
  task.tools.forEach((tool, index) => {
    const at = [...path, 'tools', index];
    const name = typeof tool === 'string' ? tool : tool.name;
    if (seen.has(name)) file.add(at, `the tool "${name}" is listed twice`);
    seen.add(name);
    if (typeof tool === 'string') checkBuiltIn(tool, task, file, at);
    else checkCustomTool(tool, task, file, at);
  });
  task.when.forEach((rule, index) => {
    checkRule(rule, file, [...path, 'when', index]);
  });
}

function checkBuiltIn(tool: string, task: Task, file: YamlFile, at: Path): void {
  const { image } = task;
  if (NEEDS_PYTHON.includes(tool) && !image.python) {
    file.add(at, `"${tool}" needs Python, and the image "${image.name}" says python: false`);
  }
  if (tool === 'shell' && !image.shell) {
    file.add(at, `"shell" needs a shell, and the image "${image.name}" says shell: false`);
  }
}

function checkCustomTool(tool: CustomTool, task: Task, file: YamlFile, at: Path): void {
  if ((BUILT_IN_TOOLS as readonly string[]).includes(tool.name)) {
    file.add([...at, 'name'], `"${tool.name}" is the name of a built-in tool`);
  }
  for (const [name, parameter] of Object.entries(tool.parameters)) {
    const place = [...at, 'parameters', name];
    if (!PARAMETER_NAME.test(name))
      file.add(place, 'a parameter name has letters, digits and "_", and does not start with a digit');
    const wanted = parameter.type === 'string' ? 'string' : 'number';
    if (parameter.enum?.some((value) => typeof value !== wanted) === true) {
      file.add([...place, 'enum'], `has a value that is not of type ${parameter.type}`);
    }
  }
  tool.command.forEach((argument, index) => {
    for (const [, name = ''] of argument.matchAll(PLACEHOLDER)) {
      if (!Object.hasOwn(tool.parameters, name))
        file.add([...at, 'command', index], `there is no parameter "${name}"`);
    }
  });
  if (tool.timeout !== undefined && tool.timeout > task.policy.times.call_max) {
    file.add([...at, 'timeout'], `is longer than call_max of the sandbox policy "${task.policy.name}"`);
  }
}

function checkRule(rule: Rule, file: YamlFile, at: Path): void {
  const problem = pointerProblem(rule.pointer);
  if (problem !== null) file.add([...at, 'pointer'], problem);
  if (!('matches' in rule)) return;
  try {
    new RegExp(rule.matches, 'u');
  } catch (error) {
    file.add([...at, 'matches'], errorMessage(error));
  }
}
