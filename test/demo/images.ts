import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { parse, stringify } from 'yaml';
import { systemClock } from '../../src/kernel/clock.ts';
import { Deadline } from '../../src/kernel/deadline.ts';
import type { DockerConnection } from '../../src/sandbox/docker/docker-connection.ts';
import { PLAIN_IMAGE } from './cases.ts';

const BASE = 'faultline/base:latest';
const BUILD_MS = 120_000;
const POLICY = join(import.meta.dirname, '..', '..', '..', 'policies', 'default.yaml');

export const taskName = (fs: number): string => `demo-fs${String(fs)}`;
export const imageReference = (fs: number): string => `faultline/${taskName(fs)}:latest`;

/** Builds one image per file tree, and the plain one. @throws Error with the build's message. */
export async function buildImages(
  connection: DockerConnection,
  trees: ReadonlyMap<number, string>,
): Promise<void> {
  for (const [fs, archive] of trees) await build(connection, fs, await readFile(archive));
  // A separate image although nothing is added, so that its sandboxes can be distinguished from others.
  await build(connection, PLAIN_IMAGE, null);
}

async function build(connection: DockerConnection, fs: number, tree: Buffer | null): Promise<void> {
  const lines = [
    `FROM ${BASE}`,
    `LABEL faultline.demo=${String(fs)}`,
    ...(tree === null ? [] : ['ADD tree.tar /']),
  ];
  const context = pack();
  context.entry({ name: 'Dockerfile' }, lines.join('\n'));
  if (tree !== null) context.entry({ name: 'tree.tar' }, tree);
  context.finalize();
  const { docker } = connection;
  const deadline = Deadline.after(systemClock, 'engine_request', BUILD_MS);
  const progress = await deadline.race(
    docker.buildImage(Readable.from([await buffer(context)]), { t: imageReference(fs) }),
  );
  const built = Promise.withResolvers<unknown>();
  docker.modem.followProgress(progress, (error: Error | null, output: unknown) => {
    if (error === null) built.resolve(output);
    else built.reject(new Error(`image ${imageReference(fs)} could not be built: ${error.message}`));
  });
  await deadline.race(built.promise);
}

export interface ConfigurationFolders {
  readonly policiesDir: string;
  readonly imagesDir: string;
}

/** Writes the configuration of the demo's tasks: a row `{"fs": n}` selects file tree n. Limits are the default ones plus `changes`. */
export async function writeConfiguration(
  folder: string,
  trees: Iterable<number>,
  changes: object = {},
): Promise<ConfigurationFolders> {
  const [imagesDir, policiesDir] = [join(folder, 'images'), join(folder, 'policies')];
  const tasks: Record<string, object> = {};
  for (const fs of [PLAIN_IMAGE, ...trees]) {
    const name = taskName(fs);
    await mkdir(join(imagesDir, name), { recursive: true });
    await writeFile(join(imagesDir, name, 'image.yaml'), stringify({ reference: imageReference(fs) }));
    tasks[name] = { image: name, tools: ['shell', 'python'], when: [{ pointer: '/fs', equals: fs }] };
  }
  await cp(join(dirname(POLICY), 'seccomp'), join(policiesDir, 'seccomp'), { recursive: true });
  const policy = { ...(parse(await readFile(POLICY, 'utf8')) as object), ...changes };
  await writeFile(join(policiesDir, 'default.yaml'), stringify(policy));
  await writeFile(join(policiesDir, 'tasks.yaml'), stringify({ default: taskName(PLAIN_IMAGE), tasks }));
  return { imagesDir, policiesDir };
}
