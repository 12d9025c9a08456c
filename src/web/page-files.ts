import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { errorCode } from '../kernel/errors.ts';

/** One file of the page, ready to send. */
export interface PageFile {
  readonly type: string;
  readonly bytes: Buffer;
  readonly gzipped: Buffer;
  /** Digest of the bytes, as an entity tag. */
  readonly tag: string;
}

const FOLDER = join(import.meta.dirname, 'page');
/** `.ts` when the project runs from source, `.js` when it was built. */
const SCRIPT = extname(import.meta.filename);

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.ts': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Modules of packages, by the name that the page's own modules import. */
const VENDOR = {
  'chart.js': { file: 'chart.js/dist/chart.js', also: ['chart.js/dist/chunks/index.js'] },
  '@kurkle/color': { file: '@kurkle/color/dist/color.esm.js', also: [] },
} as const;

const IMPORT_MAP = JSON.stringify({
  imports: Object.fromEntries(
    Object.entries(VENDOR).map(([name, { file }]) => [name, `/assets/vendor/${file}`]),
  ),
});

/**
 * Allows only this server's files and answers: no other host, no inline style, and no inline script but the import map,
 * which browsers accept in no other form.
 */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `script-src 'self' 'sha256-${hash('sha256', IMPORT_MAP, 'base64')}'`,
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * The files of the page by their URL path. No other file can be requested. A file is read at its first request, its
 * types are stripped, and the result is kept.
 */
export class PageFiles {
  readonly contentSecurityPolicy = CONTENT_SECURITY_POLICY;
  readonly #kept = new Map<string, Promise<PageFile>>();
  #names: Promise<ReadonlyMap<string, string>> | null = null;

  /** Null where there is no such file. */
  async get(path: string): Promise<PageFile | null> {
    this.#names ??= listFiles();
    const file = (await this.#names).get(path);
    if (file === undefined) return null;
    const kept = this.#kept.get(path) ?? load(file);
    this.#kept.set(path, kept);
    return await kept;
  }
}

async function listFiles(): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(FOLDER, { recursive: true })).filter((name) => {
    return extname(name) in TYPES && !name.endsWith('.d.ts');
  });
  const own = names.map(
    (name) => [name === 'index.html' ? '/' : `/assets/${name}`, join(FOLDER, name)] as const,
  );
  return new Map([...own, ...vendorFiles()]);
}

function vendorFiles(): (readonly [string, string])[] {
  return Object.entries(VENDOR).flatMap(([name, { file, also }]) => {
    const root = packageFolder(name);
    return [file, ...also].map(
      (one) => [`/assets/vendor/${one}`, join(root, one.slice(name.length))] as const,
    );
  });
}

/** The folder of a package: the one with its `package.json`, above its entry module. */
function packageFolder(name: string): string {
  let folder = dirname(createRequire(import.meta.url).resolve(name));
  while (!isPackage(folder, name)) folder = dirname(folder);
  return folder;
}

function isPackage(folder: string, name: string): boolean {
  try {
    return (
      (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: string }).name === name
    );
  } catch (error) {
    if (errorCode(error) === 'ENOENT' && folder !== dirname(folder)) return false;
    throw error;
  }
}

async function load(path: string): Promise<PageFile> {
  const bytes = Buffer.from(await contentOf(path));
  return {
    type: TYPES[extname(path)] ?? 'application/octet-stream',
    bytes,
    gzipped: await promisify(gzip)(bytes),
    tag: `"${hash('sha256', bytes, 'base64url').slice(0, 20)}"`,
  };
}

async function contentOf(path: string): Promise<string> {
  const text = await readFile(path, 'utf8');
  if (path.endsWith('index.html'))
    return text
      .replace(/(<script type="importmap">)[^<]*/, (_all, tag: string) => tag + IMPORT_MAP)
      .replace('/assets/main.ts', `/assets/main${SCRIPT}`);
  if (!path.endsWith('.ts')) return text;
  const { transformSync } = await import('amaro');
  return transformSync(text, { mode: 'strip-only' }).code;
}
