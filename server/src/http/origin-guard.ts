import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

import { PolicyError } from '../errors.js';
import { CLIENT_KEY } from '../requests/claimed-identity.js';
import { header, headerValues } from './request-headers.js';

/** Requests that change nothing. */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const LOOPBACK: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Keeps the pages of others from using a browser that can reach this port: a name that leads here by a trick of DNS, a
 * script of another site, a form that carries cookies or certificates. Programs send none of what it looks at.
 *
 * @param address Where the port listens.
 * @param hosts Further names that it may be called by.
 * @returns refuses a request by throwing PolicyError HOST_FOREIGN, ORIGIN_FOREIGN, FORGERY_HEADER_MISSING.
 */
export function createOriginGuard(
  address: string,
  hosts: readonly string[],
): (incoming: IncomingMessage) => void {
  const named = new Set(hosts);
  const known = new Set([...LOOPBACK, ...hosts, hostOf(address)]);
  /** The last that passed, as nearly all do. */
  let passed = '';

  function checkHost(incoming: IncomingMessage): void {
    const host = hostAsked(incoming);
    if (headerValues(incoming, 'host').length > 1)
      throw new PolicyError('MALFORMED_REQUEST', 'there must be one Host');
    if (host === passed && host !== '') return;
    const name = hostOf(host);
    if (known.has(name)) passed = host;
    // An address is no name that DNS could lead here.
    else if (!isOwnAddress(name, incoming.socket.localAddress)) throw foreignHost(host);
  }

  function checkOrigin(incoming: IncomingMessage): void {
    const { origin } = incoming.headers;
    if (origin === undefined) return;
    const from = URL.canParse(origin) ? new URL(origin) : undefined;
    const host = header(incoming, 'host').toLowerCase();
    if (from !== undefined && (from.host === host || named.has(from.hostname))) return;
    throw new PolicyError(
      'ORIGIN_FOREIGN',
      'a page of another origin may not use this server; where it is a page of yours, name its host in POLICY_HTTP_HOSTS ' +
        '(--http-hosts)',
    );
  }

  return (incoming) => {
    checkHost(incoming);
    checkOrigin(incoming);
    if (!SAFE.has(incoming.method ?? '')) checkForgery(incoming);
  };
}

/** A request to a proxy names the host in its first line, which then stands for the header. */
function hostAsked(incoming: IncomingMessage): string {
  const { url = '' } = incoming;
  if (url.startsWith('/') || !URL.canParse(url)) return header(incoming, 'host');
  return new URL(url).host;
}

/** A form cannot send a header, and a script of another origin would have to ask for leave. */
function checkForgery({ headers }: IncomingMessage): void {
  const isBrowser =
    headers.cookie !== undefined || headers.origin !== undefined || headers['sec-fetch-site'] !== undefined;
  if (!isBrowser || headers[CLIENT_KEY] !== undefined) return;
  throw new PolicyError(
    'FORGERY_HEADER_MISSING',
    'a request that changes something and comes from a browser must have the header X-Policy-Client, such as ' +
      '"X-Policy-Client: console", so that no page of others can make it',
  );
}

function foreignHost(host: string): PolicyError {
  const shown = /^[ -~]{1,253}$/.test(host) ? host : 'none';
  return new PolicyError(
    'HOST_FOREIGN',
    `this server is not called by the host ${JSON.stringify(shown)}: use its address or localhost, or name it in ` +
      'POLICY_HTTP_HOSTS (--http-hosts)',
  );
}

function hostOf(text: string): string {
  return text.replace(/:\d*$/, '').toLowerCase();
}

/** @param local Where the connection arrived: the address of the interface. */
function isOwnAddress(name: string, local: string | undefined): boolean {
  const literal = name.replace(/^\[(.*)\]$/, '$1');
  return isIP(literal) !== 0 && literal === local?.replace(/^::ffff:(?=\d+\.)/, '');
}
