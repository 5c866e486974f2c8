import { type IncomingHttpHeaders, request as requestPlainly, type RequestOptions } from 'node:http';
import { request as requestByTls } from 'node:https';

import { createDocumented, type Documented, type OpenApi } from './documented.js';
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

/**
 * Makes a call that is written as one reads it: `PATCH /api/policy`. What comes back must be as the OpenAPI document of that
 * server says.
 */
export type Caller = (line: string, options?: CallOptions) => Promise<Answer>;

/** What a caller knows of authorities, and shows of itself. */
export interface Tls {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

export function callerOf(address: string, always: Readonly<Record<string, string>> = {}, tls?: Tls): Caller {
  const request = tls === undefined ? requestPlainly : requestByTls;
  let documented: Documented | undefined;
  const readDocument = async (): Promise<Documented> => {
    const { text } = await exchange({ ...requestOptions(address, 'GET /openapi.json', {}), ...tls }, request);
    return createDocumented(JSON.parse(text) as OpenApi);
  };
  return async (
    line,
    { headers = {}, json, bytes = json === undefined ? undefined : JSON.stringify(json) } = {},
  ) => {
    const body = bytes === undefined ? {} : { 'content-type': 'application/json' };
    const length = bytes === undefined ? {} : { 'content-length': String(Buffer.byteLength(bytes)) };
    const options = requestOptions(address, line, { ...body, ...length, ...always, ...headers });
    const answer = await exchange({ ...options, ...tls }, request, bytes);
    documented ??= await readDocument();
    documented.expect(line, answer);
    return answer;
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
  bytes: string | Buffer = '',
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
    // Together with a text Node would write the headers as UTF-8 once more.
    sent.end(Buffer.from(bytes));
  });
}
