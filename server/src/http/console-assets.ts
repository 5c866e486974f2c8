import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file of the console, as it is sent. */
export interface ConsoleAsset {
  /** Where it is asked for. */
  readonly path: string;
  readonly type: string;
  readonly etag: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

const FOLDER = fileURLToPath(new URL('./console/', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** What the console stands on, straight from the packages. */
const { resolve } = createRequire(import.meta.url);
const VENDORED: Readonly<Record<string, string>> = {
  // What the package exports under this name for Node.js is not in it.
  'vendor/preact.js': join(dirname(resolve('htm')), '../preact/standalone.module.js'),
  'vendor/uplot.js': resolve('uplot/dist/uPlot.esm.js'),
  'vendor/uplot.css': resolve('uplot/dist/uPlot.min.css'),
};

/** Reads every file of the console. The page itself is at `/`, all else below `/console/`. */
export function readConsoleAssets(): ConsoleAsset[] {
  const own = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => extname(name) !== '')
    .map((name) => assetOf(name, FOLDER + name));
  const vendored = Object.entries(VENDORED).map(([name, file]) => assetOf(name, file));
  return [...own, ...vendored];
}

/** @throws Error for a kind of file that the console does not have: each needs its type. */
function assetOf(name: string, file: string): ConsoleAsset {
  const type = TYPES[extname(name)];
  if (type === undefined) throw new Error(`the console has no type for ${name}`);
  const body = new Uint8Array(readFileSync(file));
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  return { path: name === 'index.html' ? '/' : `/console/${name}`, type, etag, body };
}
