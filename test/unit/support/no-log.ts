import type { Log } from '../../../src/kernel/log.ts';

const drop = (): void => undefined;

export const noLog: Log = { info: drop, warn: drop, error: drop };
