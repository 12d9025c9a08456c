import { getSystemErrorMap } from 'node:util';

const messages = getSystemErrorMap();

/** The operating system's text for an errno, such as `no such file or directory`. */
export function errnoText(errno: number): string {
  const [, message] = messages.get(-errno) ?? [];
  return message ?? `error ${String(errno)}`;
}
