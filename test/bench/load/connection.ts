import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

import { HeaderBlocks } from './header-block.js';
import { MessageCounter } from './message-counter.js';
import type { Reached } from './messages.js';

// Frame types and flags of HTTP/2 (RFC 9113, section 6).
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const ACK = 0x1;
const END_STREAM = 0x1;
const END_HEADERS = 0x4;

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const FRAME_HEAD = 9;
const ENABLE_PUSH = 2;
const INITIAL_WINDOW_SIZE = 4;
const MAX_WINDOW = 2 ** 31 - 1;
const DEFAULT_WINDOW = 65_535;

/** What happens on one stream. */
export interface StreamHandler {
  /** Messages have come in full. */
  messages(count: number): void;
  /** The server is done with the stream, with an error status or without. */
  ended(): void;
}

/**
 * One HTTP/2 connection that sends gRPC requests and counts what comes back. It reads frames
 * and never messages, so that it takes a fraction of what the server takes: node:http2 as a client takes about as
 * much as the server and would be what is measured.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #headers: HeaderBlocks;
  readonly #streams = new Map<number, { handler: StreamHandler; counter: MessageCounter }>();
  #pending: Buffer[] = [];
  #unread: Buffer = Buffer.alloc(0);
  #nextStream = 1;
  #uncredited = 0;
  #reading = false;
  #closed = false;

  /** Resolves when connected. Later failures are given to `fail`. */
  static async open(
    host: string,
    { port, security }: Reached,
    fail: (error: Error) => void,
  ): Promise<Connection> {
    const socket =
      security === undefined
        ? connect({ host, port, noDelay: true })
        : connectTls({ host, port, ca: security.ca, servername: 'localhost', ALPNProtocols: ['h2'] });
    await once(socket, security === undefined ? 'connect' : 'secureConnect');
    socket.setNoDelay(true);
    const authority = `${host}:${port}`;
    return new Connection(socket, authority, new HeaderBlocks(authority, security), fail);
  }

  private constructor(
    socket: Socket,
    authority: string,
    headers: HeaderBlocks,
    fail: (error: Error) => void,
  ) {
    this.#socket = socket;
    this.#headers = headers;
    const settings = Buffer.alloc(12);
    settings.writeUInt16BE(ENABLE_PUSH, 0);
    settings.writeUInt16BE(INITIAL_WINDOW_SIZE, 6);
    settings.writeUInt32BE(MAX_WINDOW, 8);
    socket.write(Buffer.concat([Buffer.from(PREFACE), frame(SETTINGS, 0, 0, settings)]));
    this.#credit(MAX_WINDOW - DEFAULT_WINDOW);
    socket.on('data', (bytes: Buffer) => {
      try {
        this.#read(bytes);
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
        socket.destroy();
      }
    });
    socket.on('error', fail);
    socket.on('close', () => {
      if (!this.#closed) fail(new Error(`${authority} closed the connection`));
    });
  }

  /** Sends a request with one message; `message` may be reused when this returns. */
  request(path: string, message: Buffer, handler: StreamHandler): void {
    const id = this.#nextStream;
    this.#nextStream += 2;
    this.#streams.set(id, { handler, counter: new MessageCounter() });
    const prefixed = Buffer.allocUnsafe(5 + message.length);
    prefixed[0] = 0;
    prefixed.writeUInt32BE(message.length, 1);
    message.copy(prefixed, 5);
    this.#send(frame(HEADERS, END_HEADERS, id, this.#headers.next(path)));
    this.#send(frame(DATA, END_STREAM, id, prefixed));
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  /** What is sent while a part of the answers is read leaves in one write. */
  #send(bytes: Buffer): void {
    if (this.#pending.length === 0 && !this.#reading) queueMicrotask(() => this.#flush());
    this.#pending.push(bytes);
  }

  #flush(): void {
    if (this.#pending.length === 0 || this.#closed) return;
    this.#socket.write(Buffer.concat(this.#pending));
    this.#pending = [];
  }

  #read(chunk: Buffer): void {
    this.#reading = true;
    const bytes = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    let at = 0;
    while (bytes.length - at >= FRAME_HEAD) {
      const end = at + FRAME_HEAD + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      const id = bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
      this.#take(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, id, bytes.subarray(at + FRAME_HEAD, end));
      at = end;
    }
    this.#unread = bytes.subarray(at);
    this.#reading = false;
    this.#flush();
  }

  #take(type: number, flags: number, id: number, payload: Buffer): void {
    switch (type) {
      case DATA:
        this.#takeData(id, payload);
        if (flags & END_STREAM) this.#end(id);
        break;
      case HEADERS:
        if (flags & END_STREAM) this.#end(id);
        break;
      case RST_STREAM:
        this.#end(id);
        break;
      case SETTINGS:
        if (!(flags & ACK)) this.#send(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
        break;
      case PING:
        if (!(flags & ACK)) this.#send(frame(PING, ACK, 0, payload));
        break;
      case GOAWAY:
        throw new Error(`the server said goodbye, code ${payload.readUInt32BE(4)}`);
    }
  }

  #takeData(id: number, payload: Buffer): void {
    this.#uncredited += payload.length;
    if (this.#uncredited > MAX_WINDOW / 2) {
      this.#credit(this.#uncredited);
      this.#uncredited = 0;
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    const count = stream.counter.take(payload);
    if (count > 0) stream.handler.messages(count);
  }

  #end(id: number): void {
    const stream = this.#streams.get(id);
    this.#streams.delete(id);
    stream?.handler.ended();
  }

  /** Lets the server send so many bytes more on this connection. */
  #credit(bytes: number): void {
    const increment = Buffer.alloc(4);
    increment.writeUInt32BE(bytes, 0);
    this.#send(frame(WINDOW_UPDATE, 0, 0, increment));
  }
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEAD + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  payload.copy(bytes, FRAME_HEAD);
  return bytes;
}
