import { PassThrough } from 'node:stream';
import Docker from 'dockerode';
import { expect, test } from 'vitest';
import { Deadline, DeadlineExceeded } from '../../../src/kernel/deadline.ts';
import type { Image } from '../../../src/policy/schema.ts';
import type { DockerConnection } from '../../../src/sandbox/docker/docker-connection.ts';
import { DockerImages } from '../../../src/sandbox/docker/images.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

/** A daemon that has nothing, and whose pulls the test answers. */
function sceneOf() {
  const clock = new ManualClock();
  const pulls: { readonly reference: string; readonly stream: PassThrough }[] = [];
  const { modem } = new Docker();
  const notFound = Object.assign(new Error('No such image'), { statusCode: 404 });
  const docker = {
    modem,
    getImage: () => ({ inspect: () => Promise.reject(notFound) }),
    pull: (reference: string) => {
      const stream = new PassThrough();
      pulls.push({ reference, stream });
      return Promise.resolve(stream);
    },
  };
  const images = new DockerImages({ docker, clock } as unknown as DockerConnection, () =>
    Promise.resolve(null),
  );
  const provide = (reference: string, ms = 60_000, more: Partial<Image> = {}) =>
    images.provide({ reference, ...more } as Image, Deadline.after(clock, 'queue_wait', ms));
  return { clock, pulls, provide };
}

test('all who ask at once share one pull, and one that leaves does not end it', async () => {
  const { clock, pulls, provide } = sceneOf();
  const impatient = expect(provide('a:1', 1_000)).rejects.toBeInstanceOf(DeadlineExceeded);
  const others = [provide('a:1'), provide('a:1'), provide('b:1')];
  await settle();
  await clock.advance(1_000);
  await impatient;
  for (const { stream } of pulls) stream.end('{"status":"Pulling"}\n{"status":"Downloaded"}\n');
  expect(await Promise.all(others)).toEqual(['pulled', 'pulled', 'pulled']);
  expect(pulls.map(({ reference }) => reference)).toEqual(['a:1', 'b:1']);
});

test('a pull that fails after it has begun says so in its stream alone', async () => {
  const { pulls, provide } = sceneOf();
  const asked = expect(provide('a:1')).rejects.toMatchObject({
    code: 'engine_error',
    message: "a:1 can't be pulled: unexpected EOF",
  });
  await settle();
  pulls[0]?.stream.end('{"status":"Pulling"}\n{"errorDetail":{},"error":"unexpected EOF"}\n');
  await asked;
});

test.each([
  ['127.0.0.1:5000/name', '127.0.0.1:5000/name:latest'],
  ['127.0.0.1:5000/name:2', '127.0.0.1:5000/name:2'],
  ['name@sha256:00', 'name@sha256:00'],
])('%s is asked for as %s, never all tags', async (reference, asked) => {
  const { pulls, provide } = sceneOf();
  const provided = provide(reference);
  await settle();
  pulls[0]?.stream.end();
  await provided;
  expect(pulls[0]?.reference).toBe(asked);
});

test('what we build is never pulled', async () => {
  const { pulls, provide } = sceneOf();
  await expect(provide('a:1', 1_000, { build: '/images/a' })).rejects.toMatchObject({
    code: 'image_missing',
    message: 'a:1 is not built: npm run images',
  });
  expect(pulls).toEqual([]);
});
