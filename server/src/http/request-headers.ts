import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Every value of a header, also of one that Node keeps once; `name` in lower case. */
export function headerValues({ rawHeaders }: IncomingMessage, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const key = rawHeaders[i];
    if (key?.length === name.length && key.toLowerCase() === name) values.push(rawHeaders[i + 1] ?? '');
  }
  return values;
}

/** The value of a header, of several the first; `name` in lower case. Empty: there is none. */
export function header({ headers }: IncomingMessage, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : (value?.[0] ?? '');
}

/** Text of a header, which Node reads byte by byte: as UTF-8 where it is that. */
export function headerText(incoming: IncomingMessage, name: string): string {
  const bytes = Buffer.from(header(incoming, name), 'latin1');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return bytes.toString('latin1');
  }
}

/** By which the caller, or else the server, knows a request. */
export function requestIdOf(incoming: IncomingMessage): string {
  const given = header(incoming, 'x-request-id');
  return /^[!-~]{1,128}$/.test(given) ? given : randomUUID();
}
