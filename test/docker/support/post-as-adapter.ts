import { TOKEN, type Server } from './server.ts';

/** A request as clients of the other projects send it. A text is sent as it is, anything else as JSON. */
export async function postAsAdapter(
  server: Server,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
) {
  const response = await fetch(server.url + path, {
    method: 'POST',
    headers: { 'x-api-key': TOKEN, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
