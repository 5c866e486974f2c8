import { type IncomingHttpHeaders, request as requestPlainly, type RequestOptions } from 'node:http';
import { request as requestByTls } from 'node:https';

import type { AnswerBody } from './shapes.js';

export interface CallOptions {
  /** They stand as they are: nothing but Host and what a body needs is added. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A body, sent as JSON. */
  readonly json?: unknown;
  /** A body, sent as it is, under the content type of JSON unless `headers` have another. */
  readonly bytes?: string | Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Parsed when it is asked for; throws where the body is not JSON. */
  readonly body: AnswerBody;
}

/** Makes a call that is written as one reads it: `PATCH /api/policy`. */
export type Caller = (line: string, options?: CallOptions) => Promise<Answer>;

/** What a caller knows of authorities, and shows of itself. */
export interface Tls {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

export function callerOf(address: string, always: Readonly<Record<string, string>> = {}, tls?: Tls): Caller {
  return (
    line,
    { headers = {}, json, bytes = json === undefined ? undefined : JSON.stringify(json) } = {},
  ) => {
    const body = bytes === undefined ? {} : { 'content-type': 'application/json' };
    const length = bytes === undefined ? {} : { 'content-length': String(Buffer.byteLength(bytes)) };
    const options = requestOptions(address, line, { ...body, ...length, ...always, ...headers });
    return exchange({ ...options, ...tls }, tls === undefined ? requestPlainly : requestByTls, bytes);
  };
}

export function requestOptions(
  address: string,
  line: string,
  headers: Readonly<Record<string, string>>,
): RequestOptions {
  const [method = '', path = ''] = line.split(' ');
  const { hostname, port } = new URL(`http://${address}`);
  return { method, path, host: hostname, port, headers, agent: false };
}

function exchange(
  options: RequestOptions,
  request: typeof requestPlainly,
  bytes: string | Buffer | undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          get body() {
            return JSON.parse(text) as AnswerBody;
          },
        });
      });
    });
    sent.on('error', reject);
    sent.end(bytes);
  });
}
