import type { BUILT_IN_TOOLS, Task } from '../policy/schema.ts';
import type { ReferenceCall } from './task-check.ts';
import { parseArguments, readArguments } from '../tools/arguments.ts';
import { callLimits } from '../tools/tool.ts';
import { toolbox } from '../tools/toolbox.ts';

const FILE = '/tmp/.faultline-check';

/** Arguments that work in every image that has what the tool needs. Files are written before they are read. */
const examples = {
  write_file: { path: FILE, content: 'faultline\n' },
  read_file: { path: FILE },
  list_files: { path: '/tmp', depth: 1 },
  search_files: { pattern: 'faultline', path: FILE },
  shell: { command: 'true' },
  python: { code: '1 + 1' },
  code_interpreter: { code: '1 + 1' },
} as const satisfies Record<(typeof BUILT_IN_TOOLS)[number], object>;

const order: readonly string[] = Object.keys(examples);

/** One reference call per tool of the task; a custom tool has its own `example`. @throws RangeError where that doesn't fit the tool's schema. */
export function referenceCalls(task: Task): ReferenceCall[] {
  const given = new Map<string, object | undefined>([
    ...Object.entries(examples),
    ...task.tools.flatMap((tool): [string, object | undefined][] =>
      typeof tool === 'string' ? [] : [[tool.name, tool.example]],
    ),
  ]);
  const tools = [...toolbox(task).values()].toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  const readsOnly = !tools.some(({ name }) => name === 'write_file');
  return tools.map((tool) => {
    const { name } = tool;
    // Without `write_file` there is no file that every image is known to have.
    const input =
      readsOnly && (name === 'read_file' || name === 'search_files') ? undefined : given.get(name);
    const limits = callLimits(task.policy, task.policy.times.call_default);
    if (input === undefined) return { tool: name, work: null, limits };
    const parsed = parseArguments(tool, readArguments(input));
    if (!parsed.ok) throw new RangeError(`task ${task.name}: example of ${parsed.problem}`);
    return { tool: name, work: tool.work(parsed.input, task.policy), limits };
  });
}
