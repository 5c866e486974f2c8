import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A connection with one request in flight. An answer is told from the next by its Content-Length. */
export class HttpConnection {
  readonly #socket: Socket;
  readonly #failed: (error: Error) => void;
  #head = '';
  /** Bytes of the body that are still to come; -1: the head is not complete. */
  #missing = -1;
  #answered: () => void = () => undefined;

  private constructor(socket: Socket, failed: (error: Error) => void) {
    this.#socket = socket;
    this.#failed = failed;
    socket.on('data', (data: Buffer) => {
      this.#take(data);
    });
  }

  static async open(port: number, failed: (error: Error) => void): Promise<HttpConnection> {
    return new HttpConnection(await openSocket(port, failed), failed);
  }

  request(text: string, answered: () => void): void {
    this.#answered = answered;
    this.#socket.write(text, 'latin1');
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(data: Buffer): void {
    let body = data;
    if (this.#missing < 0) {
      this.#head += data.toString('latin1');
      const end = this.#head.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = this.#head.slice(0, end);
      const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
      if (!head.startsWith('HTTP/1.1 200') || length === undefined) {
        this.#failed(new Error(`not what was asked for: ${this.#head}`));
        return;
      }
      body = data.subarray(data.length - (this.#head.length - end - 4));
      this.#head = '';
      this.#missing = Number(length);
    }
    this.#missing -= body.length;
    if (this.#missing > 0) return;
    this.#missing = -1;
    this.#answered();
  }
}

/** A stream of server-sent events on a connection of its own; they are counted by the empty lines behind them. */
export async function openStream(
  port: number,
  request: string,
  failed: (error: Error) => void,
  take: (events: number) => void,
): Promise<Socket> {
  const socket = await openSocket(port, failed);
  let last = 0;
  socket.on('data', (data: Buffer) => {
    let events = last === LINE_FEED && data[0] === LINE_FEED ? 1 : 0;
    for (let at = data.indexOf('\n\n'); at >= 0; at = data.indexOf('\n\n', at + 2)) events += 1;
    last = data[data.length - 1] ?? last;
    if (events > 0) take(events);
  });
  socket.write(request, 'latin1');
  return socket;
}

const LINE_FEED = 10;

async function openSocket(port: number, failed: (error: Error) => void): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect');
  socket.on('error', failed);
  socket.on('end', () => {
    failed(new Error('the server has ended a connection'));
  });
  return socket;
}
