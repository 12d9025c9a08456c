import { resolvePointer } from './json-pointer.ts';
import type { Catalog, Rule, Task } from './schema.ts';

/** No task could be chosen; `problem` is a message for the caller. */
export interface NoTask {
  readonly problem: string;
}

/** What the first call of a rollout says about its task. */
export interface TaskRequest {
  /** Name of the task, if the caller named one. */
  readonly task?: string | undefined;
  /** The dataset row, if the call has one. */
  readonly item?: unknown;
}

/** Whether a rule matches a dataset row. `equals` compares without conversion; `matches` is false for anything but a string. */
export function ruleHolds(rule: Rule, item: unknown): boolean {
  const { found, value } = resolvePointer(item, rule.pointer);
  if ('exists' in rule) return found === rule.exists;
  if ('equals' in rule) return found && value === rule.equals;
  return typeof value === 'string' && new RegExp(rule.matches, 'u').test(value);
}

/** The named task; else the first task in file order whose rules all match; else the default task. */
export function chooseTask(catalog: Catalog, request: TaskRequest): Task | NoTask {
  if (request.task !== undefined) {
    return catalog.tasks.get(request.task) ?? { problem: `there is no task "${request.task}"` };
  }
  if (request.item === undefined) return catalog.defaultTask;
  for (const task of catalog.tasks.values()) {
    if (task.when.length > 0 && task.when.every((rule) => ruleHolds(rule, request.item))) return task;
  }
  return catalog.defaultTask;
}
