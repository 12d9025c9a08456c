/** Requests of the engine's API that rules can name. */
export const ROUTES = [
  'create', 'start', 'attach', 'inspect', 'remove', 'list', 'events', 'archive', 'version', 'info', 'other',
] as const; // prettier-ignore

export type Route = (typeof ROUTES)[number];

const PATTERNS: readonly (readonly [Route, string, RegExp])[] = [
  ['create', 'POST', /^\/containers\/create$/],
  ['start', 'POST', /^\/containers\/([^/]+)\/start$/],
  ['attach', 'POST', /^\/containers\/([^/]+)\/attach$/],
  ['inspect', 'GET', /^\/containers\/([^/]+)\/json$/],
  ['remove', 'DELETE', /^\/containers\/([^/]+)$/],
  ['list', 'GET', /^\/containers\/json$/],
  ['events', 'GET', /^\/events$/],
  ['archive', 'PUT', /^\/containers\/([^/]+)\/archive$/],
  ['version', 'GET', /^\/version$/],
  ['info', 'GET', /^\/info$/],
];

export interface EngineRequest {
  readonly route: Route;
  /** Id or name of the container that it is about, as the requester wrote it; null for other requests. */
  readonly container: string | null;
}

export function routeOf(method: string, target: string): EngineRequest {
  const { pathname, searchParams } = new URL(target, 'http://engine');
  const path = pathname.replace(/^\/v\d+\.\d+(?=\/)/, '');
  for (const [route, verb, pattern] of PATTERNS) {
    const match = verb === method ? pattern.exec(path) : null;
    if (match !== null) return { route, container: match[1] ?? searchParams.get('name') };
  }
  return { route: 'other', container: null };
}
