import { resolvePointer } from './json-pointer.ts';
import type { Catalog, Rule, Task } from './schema.ts';

/** Why no task could be chosen, for the caller to read. */
export interface NoTask {
  readonly problem: string;
}

/** What a rollout's first call says about its task. */
export interface TaskRequest {
  /** Name of the task, where the caller named one. */
  readonly task?: string | undefined;
  /** The dataset row, where the call carries one. */
  readonly item?: unknown;
}

/** One rule against a dataset row. `equals` compares without conversion, `matches` looks at strings alone. */
export function ruleHolds(rule: Rule, item: unknown): boolean {
  const { found, value } = resolvePointer(item, rule.pointer);
  if ('exists' in rule) return found === rule.exists;
  if ('equals' in rule) return found && value === rule.equals;
  return typeof value === 'string' && new RegExp(rule.matches, 'u').test(value);
}

/** The named task; else the first in file order whose rules all hold; else the default. */
export function chooseTask(catalog: Catalog, wish: TaskRequest): Task | NoTask {
  if (wish.task !== undefined) {
    return catalog.tasks.get(wish.task) ?? { problem: `there is no task "${wish.task}"` };
  }
  if (wish.item === undefined) return catalog.defaultTask;
  for (const task of catalog.tasks.values()) {
    if (task.when.length > 0 && task.when.every((rule) => ruleHolds(rule, wish.item))) return task;
  }
  return catalog.defaultTask;
}
