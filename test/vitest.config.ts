import { defineConfig } from 'vitest/config';

/** `unit` and `contract` need no engine; the others use the real one, and share its two cores, so run file by file. */
const project = (
  name: string,
  options: { testTimeout: number; fileParallelism: boolean; maxConcurrency?: number },
) => ({
  test: {
    name,
    root: import.meta.dirname + '/..',
    include: [`test/${name}/**/*.test.ts`],
    hookTimeout: 120_000,
    ...options,
  },
});

export default defineConfig({
  test: {
    projects: [
      project('unit', { testTimeout: 20_000, fileParallelism: true }),
      project('contract', { testTimeout: 60_000, fileParallelism: false }),
      project('hostile', { testTimeout: 180_000, fileParallelism: false, maxConcurrency: 4 }),
      project('reported', { testTimeout: 180_000, fileParallelism: false, maxConcurrency: 3 }),
      project('docker', { testTimeout: 180_000, fileParallelism: false }),
      project('web', { testTimeout: 180_000, fileParallelism: false }),
    ],
  },
});
