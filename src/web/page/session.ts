import { el, put } from './dom.ts';

/** The token is kept in this tab only. It is sent as a header, so no other site can use it. */
const KEY = 'faultline-token';

let asking: Promise<string> | null = null;

/** The token; asks the user if it isn't known yet. Requests that come meanwhile wait for the same answer. */
export function token(): Promise<string> {
  const kept = sessionStorage.getItem(KEY);
  if (kept !== null) return Promise.resolve(kept);
  asking ??= ask().finally(() => (asking = null));
  return asking;
}

/** Forgets a token that the server refused, so that the user is asked again. */
export function forgetToken(refused: string): void {
  if (sessionStorage.getItem(KEY) === refused) sessionStorage.removeItem(KEY);
}

function ask(): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const input = el('input', {
    type: 'password',
    name: 'token',
    autocomplete: 'current-password',
    required: true,
    'aria-describedby': 'token-note',
  });
  const note = el(
    'p',
    { id: 'token-note', class: 'note' },
    'The server prints the token when it starts, and keeps it in data/token. The page keeps it in this tab only.',
  );
  const form = el(
    'form',
    {},
    el('label', {}, 'Access token', input),
    note,
    el('button', { type: 'submit' }, 'Open'),
  );
  const dialog = el('dialog', { class: 'token', 'aria-label': 'Access token' }, form);
  dialog.addEventListener('cancel', (event) => {
    event.preventDefault();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void check(input.value).then((problem) => {
      if (problem !== null) {
        put(note, problem);
        input.setAttribute('aria-invalid', 'true');
        input.select();
        return;
      }
      sessionStorage.setItem(KEY, input.value);
      dialog.remove();
      resolve(input.value);
    });
  });
  document.body.append(dialog);
  dialog.showModal();
  return promise;
}

async function check(candidate: string): Promise<string | null> {
  try {
    const { status } = await fetch('/v1/status', { headers: { authorization: `Bearer ${candidate}` } });
    if (status === 401) return 'That is not the token.';
    return status === 200 ? null : `The server answers ${String(status)}.`;
  } catch {
    return 'The server does not answer, or the token has characters that a header can not contain.';
  }
}
