import { Hono } from 'hono';

import { readConsoleAssets } from './console-assets.js';

/** Nothing inline, nothing from elsewhere, no frame around it, and no text that becomes script. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': POLICY,
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  // Asked for again each time, and answered 304: a server that was replaced shows its own console at once.
  'Cache-Control': 'no-cache',
};

/** The files of the console, as they were when the server started. */
export function consoleRoutes(): Hono {
  const app = new Hono();
  for (const { path, type, etag, body } of readConsoleAssets()) {
    app.get(path, (c) => {
      const headers = { ...HEADERS, ETag: etag };
      const isKnown = c.req.header('If-None-Match')?.includes(etag) ?? false;
      return isKnown
        ? new Response(null, { status: 304, headers })
        : new Response(body, { headers: { ...headers, 'Content-Type': type } });
    });
  }
  return app;
}
