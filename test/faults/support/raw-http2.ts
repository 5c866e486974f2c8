import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectSecurely, TLSSocket } from 'node:tls';

/** Frame types and flags of HTTP/2 (RFC 9113, section 6). */
export const FRAME = {
  DATA: 0,
  HEADERS: 1,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  CONTINUATION: 9,
} as const;
export const FLAG = { ACK: 0x1, END_STREAM: 0x1, END_HEADERS: 0x4 } as const;

const HEAD = 9;
/** The largest payload that a server takes by default. */
export const MAX_PAYLOAD = 16_384;
const HEARING_MS = 5000;
const FINISHING_MS = 50;

export type Header = readonly [name: string, value: string];

/** A frame, whatever it says. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(HEAD);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** What a client begins a connection with. */
export const OPENING = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(FRAME.SETTINGS, 0, 0),
]);

/** The headers of a gRPC request, and more. */
export function grpcHeaders(path: string, more: readonly Header[] = []): Buffer {
  return headerBlock([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'localhost'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...more,
  ]);
}

/** Headers as literals that go into no table (RFC 7541, section 6.2.2). */
export function headerBlock(headers: readonly Header[]): Buffer {
  return Buffer.concat(headers.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) | 128);
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}

/** A gRPC message: a flag, a length and the bytes, all of which may lie. */
export function grpcMessage(body: Uint8Array, { compressed = 0, length = body.length } = {}): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed, 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, body]);
}

/** Where a server is to be found. */
export interface Whereabouts {
  readonly address: string;
  /** The certificate, as PEM, of the authority that the server's is by. Absent: it is spoken to without encryption. */
  readonly ca?: string | undefined;
}

/** A connection on which anything can be said. */
export class RawConnection {
  readonly #socket: Socket;
  #unread: Buffer = Buffer.alloc(0);
  #pongs = 0;
  #refused = false;
  #closed = false;
  readonly #waiting = new Set<() => void>();

  static async open({ address, ca }: Whereabouts): Promise<RawConnection> {
    const { hostname, port } = new URL(`http://${address}`);
    const to = { host: hostname, port: Number(port) };
    if (ca === undefined) {
      const socket = connect({ ...to, noDelay: true });
      await once(socket, 'connect');
      return new RawConnection(socket);
    }
    const socket = connectSecurely({ ...to, ca, ALPNProtocols: ['h2'] });
    socket.setNoDelay();
    await once(socket, 'secureConnect');
    return new RawConnection(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => {
      this.#read(bytes);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#closed = true;
      this.#tell();
    });
  }

  write(...parts: readonly Uint8Array[]): void {
    if (!this.#closed) this.#socket.write(Buffer.concat(parts));
  }

  /** Resolves when the server has gone through all that was written, or has refused to go on. */
  async heard(): Promise<void> {
    const pongs = this.#pongs + 1;
    this.write(frame(FRAME.PING, 0, 0, Buffer.alloc(8)));
    await this.#until(() => this.#refused || this.#pongs >= pongs, HEARING_MS);
  }

  /** Says no more, and is gone when the server has had the time to take in what was said. */
  async finished(): Promise<void> {
    if (!this.#closed) this.#socket.end();
    await this.#until(() => this.#refused, FINISHING_MS);
    this.#socket.destroy();
  }

  /** Is gone at once, with a reset where nothing is encrypted. */
  async vanish(): Promise<void> {
    if (this.#socket instanceof TLSSocket) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
    await this.#until(() => false, HEARING_MS);
  }

  /** Or until the connection is closed, or time is up: what is broken may never be answered. */
  #until(isSo: () => boolean, patienceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        this.#waiting.delete(look);
        clearTimeout(timer);
        resolve();
      };
      const look = (): void => {
        if (this.#closed || isSo()) settle();
      };
      const timer = setTimeout(settle, patienceMs);
      this.#waiting.add(look);
      look();
    });
  }

  #read(bytes: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, bytes]);
    while (this.#unread.length >= HEAD) {
      const end = HEAD + this.#unread.readUIntBE(0, 3);
      if (this.#unread.length < end) return;
      const [type, flags] = [this.#unread.readUInt8(3), this.#unread.readUInt8(4)];
      if (type === FRAME.PING && (flags & FLAG.ACK) !== 0) this.#pongs += 1;
      if (type === FRAME.GOAWAY) this.#refused = true;
      this.#unread = this.#unread.subarray(end);
      this.#tell();
    }
  }

  #tell(): void {
    for (const look of [...this.#waiting]) look();
  }
}
