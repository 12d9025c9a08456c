import { beforeEach, expect, test } from 'vitest';
import { Deadline } from '../../../src/kernel/deadline.ts';
import type { DockerConnection } from '../../../src/sandbox/docker/docker-connection.ts';
import { RetiredVolumes } from '../../../src/sandbox/docker/retired-volumes.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

const OLD = 'faultline-agent-42b147329e58e89c';
const OTHER = 'faultline-agent-0123456789abcdef';
const folderOf = (name: string): string => `/engine/volumes/${name}/_data`;

/** Volumes of an engine; each with the lower layers of its overlay, where it is one. */
let volumes: Map<string, string | null>;
let lists: number;
let broken: boolean;
let logged: string[];
let clock: ManualClock;
let retired: RetiredVolumes;

const overlayOn = (name: string): string => `ro,lowerdir=${folderOf(name)}/files:${folderOf(name)}/empty`;

beforeEach(() => {
  volumes = new Map();
  lists = 0;
  broken = false;
  logged = [];
  clock = new ManualClock();
  const note = (_fields: unknown, message: string): void => void logged.push(message);
  retired = new RetiredVolumes(connection(), clock, { info: note, warn: note, error: note });
});

function connection(): DockerConnection {
  const docker = {
    listVolumes: ({ filters }: { filters: { name?: string[] } }) => {
      lists += 1;
      if (broken) return Promise.reject(new Error('no answer'));
      const [start = ''] = filters.name ?? [];
      const found = [...volumes].filter(([name]) => name.includes(start));
      return Promise.resolve({
        Volumes: found.map(([name, o]) => ({
          Name: name,
          Mountpoint: folderOf(name),
          Options: o === null ? null : { o },
        })),
      });
    },
    getVolume: (name: string) => ({ remove: () => Promise.resolve(volumes.delete(name)) }),
  };
  const ask = (_operation: string, _deadline: Deadline, request: Promise<unknown>) => request;
  return { docker, ask } as unknown as DockerConnection;
}

const atStart = () => retired.removeUnused(Deadline.after(clock, 'engine_request', 1_000));
const left = () => [...volumes.keys()];

test('a volume that no overlay has as a layer is removed at the start, and nothing else is', async () => {
  const others = [
    'faultline-agent-mine',
    'my-faultline-agent-42b147329e58e89c',
    'faultline-sandboxd-42b147329e58e89c',
  ];
  for (const name of [OLD, ...others]) volumes.set(name, null);
  await atStart();
  expect(left()).toEqual(others);
  expect(logged).toEqual(['volume of version 0.1.0 removed: no sandbox uses it']);
});

test("a volume that is a layer of a sandbox's overlay, of whichever controller, stays until that is gone", async () => {
  volumes.set(OLD, null).set(OTHER, null).set('a-sandbox', overlayOn(OLD));
  await atStart();
  expect(left()).toEqual([OLD, 'a-sandbox']);
  retired.sandboxRemoved();
  await settle();
  expect(left()).toEqual([OLD, 'a-sandbox']);

  volumes.delete('a-sandbox');
  retired.sandboxRemoved();
  await clock.advance(1_000);
  expect(left()).toEqual([]);
});

test('a hundred removals at once are two looks, and the last of them is not missed', async () => {
  volumes.set(OLD, null).set('a-sandbox', overlayOn(OLD));
  await atStart();
  const before = lists;
  for (let nth = 0; nth < 99; nth += 1) retired.sandboxRemoved();
  await settle();
  volumes.delete('a-sandbox');
  retired.sandboxRemoved();
  await clock.advance(2_000);
  expect(left()).toEqual([]);
  expect(lists - before).toBe(4);
});

test('where none is left, removed sandboxes ask the engine nothing', async () => {
  await atStart();
  retired.sandboxRemoved();
  await clock.advance(10_000);
  expect(lists).toBe(1);
});

test('an engine that gives no list stops the start; later it is told, and asked again at the next removal', async () => {
  volumes.set(OLD, null).set('a-sandbox', overlayOn(OLD));
  await atStart();
  broken = true;
  retired.sandboxRemoved();
  await clock.advance(10_000);
  expect(logged.at(-1)).toBe('volumes of version 0.1.0 not checked');
  await expect(atStart()).rejects.toThrow('no answer');

  broken = false;
  volumes.delete('a-sandbox');
  retired.sandboxRemoved();
  await clock.advance(1_000);
  expect(left()).toEqual([]);
});
