import type { ImageStore } from '../../../src/sandbox/image-store.ts';
import { SandboxFault } from '../../../src/sandbox/sandbox.ts';

/** What the engine hasn't got is nowhere else either. */
export const noImages: ImageStore = {
  provide: () => Promise.reject(new SandboxFault('image_missing', 'no such image')),
};
