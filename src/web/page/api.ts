import { forgetToken, token } from './session.ts';

/** The server answered with an error. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Asks for another token and repeats the request where the server refuses this one. @throws Refused, TypeError (no network) */
export async function request(path: string, signal?: AbortSignal): Promise<Response> {
  for (;;) {
    const bearer = await token();
    const response = await fetch(path, {
      headers: { authorization: `Bearer ${bearer}` },
      ...(signal === undefined ? {} : { signal }),
    });
    if (response.ok) return response;
    if (response.status !== 401) throw new Refused(response.status, await reason(response));
    forgetToken(bearer);
  }
}

export async function getJson<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
  return (await (await request(path, signal)).json()) as Answer;
}

async function reason(response: Response): Promise<string> {
  const text = await response.text();
  try {
    return (JSON.parse(text) as { message?: string }).message ?? text;
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}
