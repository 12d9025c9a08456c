import { Deadline } from '../../../../src/kernel/deadline.ts';
import type { Sandbox, SandboxEngine } from '../../../../src/sandbox/sandbox.ts';
import { specOf } from '../../../conformance/spec.ts';
import type { FakeEngine } from '../../support/fake-engine.ts';
import { FAKE_IMAGES } from '../../support/fake-host.ts';
import {
  breaks,
  breaksBare,
  fault,
  isCommand,
  otherwise,
  override,
  started,
  type Breakage,
} from './alter.ts';

const later = ({ clock }: FakeEngine): Deadline => Deadline.after(clock, 'sandbox_start', 60_000);

/** The fault of an image is told as another one. */
const imageFault =
  (image: string, code: 'image_missing' | 'engine_error'): Breakage['alter'] =>
  (engine) =>
    override<SandboxEngine>(engine, {
      start: (spec, deadline) =>
        otherwise(engine.start(spec, deadline), () => (spec.image.reference === image ? fault(code) : null)),
    });

/** The image is looked at by an engine that says it would not. */
const refusesImage =
  (image: string): Breakage['alter'] =>
  (engine) =>
    override<SandboxEngine>(engine, {
      start: (spec, deadline) =>
        spec.image.reference === image
          ? Promise.reject(fault('image_missing'))
          : engine.start(spec, deadline),
    });

export const BROKEN_START: readonly Breakage[] = [
  breaks(
    'start-answers',
    'hands a sandbox out before its sandboxd has said who it is',
    started(() => ({ handle }) => ({ handle: { ...handle, instance: null } })),
  ),
  breaks(
    'start-handle',
    'forgets the pool class',
    started(() => ({ handle }) => ({ handle: { ...handle, poolClass: '' } })),
  ),
  breaks(
    'start-apart',
    'lets sandboxes see the files of the first',
    started(() => {
      let first: Sandbox | null = null;
      return (sandbox) => {
        const seen = (first ??= sandbox);
        return {
          run: (number, work, limits) => (isCommand(work, 'look') ? seen : sandbox).run(number, work, limits),
        };
      };
    }),
  ),
  breaks(
    'start-offers',
    'promises a shell whatever the image has',
    started(() => ({ offers }) => ({ offers: { ...offers, shell: '/bin/sh' } })),
  ),
  breaks('start-image-missing', 'blames itself', imageFault(FAKE_IMAGES.missing, 'engine_error')),
  breaksBare('start-image-missing', 'looks for the image at start', refusesImage(FAKE_IMAGES.missing)),
  breaks('start-image-broken', 'blames itself', imageFault(FAKE_IMAGES.broken, 'engine_error')),
  breaksBare('start-image-broken', 'looks at the image at start', refusesImage(FAKE_IMAGES.broken)),
  breaks('start-timeout', 'goes on after the deadline', (engine) =>
    override<SandboxEngine>(engine, { start: (spec) => engine.start(spec, later(engine)) }),
  ),
  breaks('start-leaves-nothing', 'leaves the container of a start that failed', (engine) =>
    override<SandboxEngine>(engine, {
      start: async (spec, deadline) => {
        try {
          return await engine.start(spec, deadline);
        } catch (error) {
          if (!engine.line.isCut) (await engine.start(specOf('fake/shell'), later(engine))).detach();
          throw error;
        }
      },
    }),
  ),
];
