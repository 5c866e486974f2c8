import { once } from 'node:events';
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { type Agent, request as secureRequest } from 'node:https';

/** A server to call over HTTP. */
export interface HttpTarget {
  readonly httpAddress: string;
  /** What a client trusts, and shows of itself. Absent: nothing is encrypted. */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string };
  /** Keeps connections for many calls. Absent: each has one of its own. */
  readonly agent?: Agent;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON; undefined: it is none. */
  readonly json: unknown;
}

export interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  /** Text and bytes are sent as they are, all else as JSON with its type. Absent: no body. */
  readonly body?: unknown;
}

/** Makes one call. */
export async function http(
  target: HttpTarget,
  method: string,
  path: string,
  { headers = {}, body }: Sent = {},
): Promise<HttpAnswer> {
  const isRaw = typeof body === 'string' || Buffer.isBuffer(body);
  const type = body === undefined || isRaw ? {} : { 'content-type': 'application/json' };
  const sent = begin(target, method, path, { ...type, ...headers });
  sent.end(
    body === undefined || isRaw ? body && Buffer.from(body as string) : Buffer.from(JSON.stringify(body)),
  );
  return answerOf(sent);
}

/** A request of which the body is still to be sent. */
export function begin(
  { httpAddress, tls, agent }: HttpTarget,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): ClientRequest {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(httpAddress) ?? [];
  const options = { host, port: Number(port), method, path, headers, agent: agent ?? (false as const) };
  return tls === undefined
    ? request(options)
    : secureRequest({ ...options, ...tls, servername: 'localhost' });
}

export async function answerOf(sent: ClientRequest): Promise<HttpAnswer> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return { status: response.statusCode ?? 0, headers: response.headers, text, json: parsed(text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

export interface ServerEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: Record<string, unknown>;
}

/** A stream of server-sent events that was opened. */
export interface Events {
  readonly headers: IncomingHttpHeaders;
  readonly response: IncomingMessage;
  /** The next event; undefined: the stream has ended. */
  next(): Promise<ServerEvent | undefined>;
  /** The next that is no heartbeat. */
  nextNews(): Promise<ServerEvent | undefined>;
  close(): void;
}

/** Opens a stream that must be granted. */
export async function openEvents(
  target: HttpTarget,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Events> {
  const sent = begin(target, 'GET', path, headers);
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`the stream was refused: ${String(response.statusCode)}`);
  const events = readEvents(response);
  const next = async (): Promise<ServerEvent | undefined> => {
    const { value, done } = await events.next();
    return done === true ? undefined : value;
  };
  return {
    headers: response.headers,
    response,
    next,
    async nextNews() {
      let event = await next();
      while (event?.event === 'heartbeat') event = await next();
      return event;
    },
    close() {
      response.on('error', () => undefined);
      sent.destroy();
    },
  };
}

async function* readEvents(response: IncomingMessage): AsyncGenerator<ServerEvent, undefined> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    text += chunk as string;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      yield readEvent(text.slice(0, end));
      text = text.slice(end + 2);
    }
  }
  return undefined;
}

function readEvent(block: string): ServerEvent {
  const lines = new Map(
    block.split('\n').map((line) => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon), line.slice(colon + 2)] as const;
    }),
  );
  return {
    event: lines.get('event') ?? '',
    id: lines.get('id'),
    data: JSON.parse(lines.get('data') ?? '{}') as Record<string, unknown>,
  };
}
