const TOOLS = '/v1/tools/';

/**
 * The URL with a tool's name that can be decoded. A client may put a name that the model invented into the path without
 * encoding it; a `%` in it then stands for itself.
 */
export function readableUrl(url: string): string {
  if (!url.startsWith(TOOLS)) return url;
  const [path = ''] = url.split('?', 1);
  return isEncoded(path) ? url : path.replaceAll('%', '%25') + url.slice(path.length);
}

function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
