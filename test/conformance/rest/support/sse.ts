import { type IncomingMessage, request } from 'node:http';

import { requestOptions } from './call.js';
import type { OverrideJson, PolicyJson } from './shapes.js';

/** What the data of an event may hold; which keys one has is for the tests to say. */
export interface EventData {
  readonly version: string;
  readonly previous: number;
  readonly resync: boolean;
  readonly valid_for_ms: number;
  readonly trading_state: string;
  readonly overrides: OverrideJson[];
  readonly cause: {
    readonly kind: string;
    readonly actor: string;
    readonly reason: string;
    readonly commit_time: string;
    readonly fields: string[];
  } | null;
  readonly policy: PolicyJson;
  readonly patch: Readonly<Record<string, unknown>>;
  readonly detail: string;
  readonly reason: string;
  readonly retry_after_ms: number;
}

export interface ServerSentEvent {
  readonly event: string;
  /** Absent: the event had none. */
  readonly id: string | undefined;
  readonly data: EventData;
}

/** A stream of server-sent events, read one by one. */
export interface EventStream {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** The next event, whatever it is. Throws where the stream ends. */
  next(): Promise<ServerSentEvent>;
  /** The next event of that name; those before it are dropped. */
  nextOf(event: string): Promise<ServerSentEvent>;
  close(): void;
}

export function openEvents(
  address: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<EventStream> {
  return new Promise((resolve, reject) => {
    const options = requestOptions(address, `GET ${path}`, { accept: 'text/event-stream', ...headers });
    const sent = request(options, (response) => resolve(streamOf(response)));
    sent.on('error', reject);
    sent.end();
  });
}

function streamOf(response: IncomingMessage): EventStream {
  const events = eventsOf(response);
  const next = async (): Promise<ServerSentEvent> => {
    const result = await events.next();
    if (result.done === true) throw new Error('the stream ended');
    return result.value;
  };
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    next,
    async nextOf(event) {
      for (;;) {
        const found = await next();
        if (found.event === event) return found;
      }
    },
    close: () => void response.destroy(),
  };
}

/** As the HTML standard has it, but for events in parts and lines that end in CR alone. */
async function* eventsOf(response: IncomingMessage): AsyncGenerator<ServerSentEvent, void> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    text += String(chunk).replaceAll('\r\n', '\n');
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const event = eventOf(text.slice(0, end));
      text = text.slice(end + 2);
      if (event) yield event;
    }
  }
}

function eventOf(block: string): ServerSentEvent | undefined {
  const fields = new Map<string, string>();
  for (const line of block.split('\n')) {
    const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    const before = fields.get(name);
    fields.set(name, name === 'data' && before !== undefined ? `${before}\n${value}` : value);
  }
  const data = fields.get('data');
  if (data === undefined) return undefined;
  return {
    event: fields.get('event') ?? 'message',
    id: fields.get('id'),
    data: JSON.parse(data) as EventData,
  };
}
