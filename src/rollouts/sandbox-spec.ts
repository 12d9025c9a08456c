import type { Task } from '../policy/schema.ts';
import type { SandboxSpec } from '../sandbox/sandbox.ts';

/** What a task's sandboxes are made from. Pure. */
export function specOf({ image, policy }: Task): SandboxSpec {
  return { image, policy, poolClass: `${generationOf(image)}/${generationOf(policy)}` };
}

function generationOf({
  name,
  generation = 1,
}: {
  readonly name: string;
  readonly generation?: number;
}): string {
  return generation === 1 ? name : `${name}@${String(generation)}`;
}
