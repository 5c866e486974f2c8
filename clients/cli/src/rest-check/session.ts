import { type Difference, type Shape, shown } from './shape.js';

/** A server that answers nothing, not even an error. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

/** An answer that is not as it should be. */
export class Unexpected extends Error {
  override readonly name = 'Unexpected';
  readonly answer: Answer;
  readonly difference: Difference;

  constructor(answer: Answer, difference: Difference) {
    super(`${difference.at}: expected ${difference.expected}, got ${difference.got}`);
    this.answer = answer;
    this.difference = difference;
  }
}

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** A body, sent as JSON; a text is sent as it is. */
  readonly json?: unknown;
}

/** What came back, and how to ask again by hand. */
export interface Answer {
  /** Such as `GET /api/policy`. */
  readonly request: string;
  /** A command for a shell. The token stands in it as $POLICY_TOKEN. */
  readonly curl: string;
  readonly status: number;
  readonly headers: Headers;
  /** Of a stream: its first event. */
  readonly text: string;
}

/** Calls one server in one namespace. */
export interface Session {
  /** @throws Unreachable */
  readonly call: (request: string, options?: CallOptions) => Promise<Answer>;
}

export interface SessionOptions {
  /** Where the server is, such as `http://127.0.0.1:8000`. */
  readonly url: string;
  readonly token: string | undefined;
  /** Absent: the server's own default is asked for by not naming any. */
  readonly namespace: string | undefined;
}

const TIMEOUT_MS = 10_000;
/** By which the server's log and history say who it was. */
const NAME = 'rest-check';

export function createSession({ url, token, namespace }: SessionOptions): Session {
  return {
    async call(request, { headers = {}, json } = {}) {
      const [method = 'GET', path = '/'] = request.split(' ');
      const address = new URL(path, url);
      if (namespace !== undefined && path.startsWith('/api/')) {
        address.searchParams.set('namespace', namespace);
      }
      const body = json === undefined || typeof json === 'string' ? json : JSON.stringify(json);
      const sent = {
        'x-policy-client': NAME,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      };
      const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const init = { method, headers: { ...sent, ...authorization }, redirect: 'manual' as const };
      const { response, text } = await exchange(address, body === undefined ? init : { ...init, body });
      const curl = curlOf(method, address, sent, body, token !== undefined);
      return { request, curl, status: response.status, headers: response.headers, text };
    },
  };
}

async function exchange(address: URL, init: RequestInit): Promise<{ response: Response; text: string }> {
  const ending = new AbortController();
  const signal = AbortSignal.any([ending.signal, AbortSignal.timeout(TIMEOUT_MS)]);
  try {
    const response = await fetch(address, { ...init, signal });
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
    return { response, text: isStream ? await firstEvent(response) : await response.text() };
  } catch (error) {
    throw new Unreachable(`${address.origin} does not answer: ${causeOf(error)}`, { cause: error });
  } finally {
    ending.abort();
  }
}

/** Up to the empty line that ends an event. */
async function firstEvent({ body }: Response): Promise<string> {
  let text = '';
  if (body === null) return text;
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += value;
    const end = text.search(/\r?\n\r?\n/);
    if (end >= 0) return text.slice(0, end);
  }
}

/** fetch says only that it failed; why, its cause says. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `nothing came within ${TIMEOUT_MS / 1000} s`;
  const { cause } = error;
  if (cause instanceof AggregateError && cause.errors.length > 0) return causeOf(cause.errors[0]);
  return cause instanceof Error ? cause.message : error.message;
}

function curlOf(
  method: string,
  address: URL,
  headers: Readonly<Record<string, string>>,
  body: string | undefined,
  hasToken: boolean,
): string {
  const parts = [
    'curl -sS -i',
    ...(method === 'GET' ? [] : [`-X ${method}`]),
    ...(hasToken ? ['-H "Authorization: Bearer $POLICY_TOKEN"'] : []),
    ...Object.entries(headers).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    ...(body === undefined ? [] : [`--data-raw ${quoted(body)}`]),
    quoted(address.href),
  ];
  return parts.join(' ');
}

function quoted(value: string): string {
  return `'${value.replaceAll("'", String.raw`'\''`)}'`;
}

/** @throws Unexpected where the status is another one. */
export function expectStatus(answer: Answer, status: number): void {
  if (answer.status === status) return;
  const said = answer.text === '' ? '' : ` ${shown(parsed(answer.text) ?? answer.text)}`;
  throw new Unexpected(answer, {
    at: 'status',
    expected: String(status),
    got: `${answer.status}${said}`,
  });
}

/** @throws Unexpected where the header is not there or is not of that shape. */
export function expectHeader(answer: Answer, name: string, shape: Shape): void {
  const wrong = shape(answer.headers.get(name) ?? undefined, `header ${name}`);
  if (wrong) throw new Unexpected(answer, wrong);
}

/**
 * The body, parsed.
 * @throws Unexpected where it is not JSON or not of that shape.
 */
export function expectBody(answer: Answer, shape: Shape, body = answer.text): unknown {
  const value = parsed(body);
  const wrong = value === undefined ? { at: 'body', expected: 'JSON', got: shown(body) } : shape(value, '');
  if (wrong) throw new Unexpected(answer, { ...wrong, at: wrong.at === '' ? 'body' : wrong.at });
  return value;
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}
