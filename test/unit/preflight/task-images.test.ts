import { expect, it } from 'vitest';
import type { Image, Task } from '../../../src/policy/schema.ts';
import { TaskImages } from '../../../src/preflight/task-images.ts';
import type { ImageStore } from '../../../src/sandbox/image-store.ts';
import { SandboxFault } from '../../../src/sandbox/sandbox.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

function sceneOf(images: readonly string[]) {
  const tasks = new Map<string, Task>();
  for (const name of images) {
    const image = { name, reference: `${name}:1` } as Image;
    for (const task of [name, `${name}-too`]) tasks.set(task, { name: task, image } as Task);
  }
  const asked: { readonly name: string; readonly ending: PromiseWithResolvers<'pulled'> }[] = [];
  const store: ImageStore = {
    provide: ({ name }) => {
      const ending = Promise.withResolvers<'pulled'>();
      asked.push({ name, ending });
      return ending.promise;
    },
  };
  const logged: [string, unknown, string][] = [];
  const at = (level: string) => (fields: object, message: string) => logged.push([level, fields, message]);
  const log = { info: at('info'), warn: at('warn'), error: at('error') };
  const parts = { catalog: { tasks }, images: store, clock: new ManualClock(), log };
  return { asked, logged, taskImages: new TaskImages(parts) };
}

it('tells of each image that cannot be had, once for all its tasks, and whether to wait or to mend', async () => {
  const { asked, logged, taskImages } = sceneOf(['there', 'unknown', 'away']);
  taskImages.look();
  asked[0]?.ending.resolve('pulled');
  asked[1]?.ending.reject(new SandboxFault('image_missing', 'manifest unknown'));
  asked[2]?.ending.reject(new SandboxFault('engine_error', 'connection refused'));
  await taskImages.idle();
  expect(logged).toEqual([
    ['info', { image: 'there', reference: 'there:1' }, 'image pulled'],
    [
      'error',
      { image: 'unknown', error: 'manifest unknown', tasks: ['unknown', 'unknown-too'] },
      'rollouts of these tasks will be excluded',
    ],
    [
      'warn',
      { image: 'away', error: 'connection refused', tasks: ['away', 'away-too'] },
      'rollouts of these tasks wait for their image',
    ],
  ]);
});

it('asks for four at a time, for all again at the next look, and for none once closed', async () => {
  const { asked, logged, taskImages } = sceneOf(['a', 'b', 'c', 'd', 'e', 'f']);
  taskImages.look();
  expect(asked.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
  asked[1]?.ending.resolve('pulled');
  await settle();
  expect(asked.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd', 'e']);
  taskImages.look();
  expect(asked).toHaveLength(9);
  taskImages.close();
  for (const { ending } of asked) ending.reject(new SandboxFault('engine_error', 'aborted'));
  await taskImages.idle();
  expect(asked).toHaveLength(9);
  expect(logged).toHaveLength(1);
});
