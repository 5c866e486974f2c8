import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A proxy that treats what passes through it badly, on demand. */
export interface TcpProxy {
  readonly host: string;
  readonly port: number;
  /** How many replies `dropReplies` has swallowed. */
  readonly dropped: number;
  /** How many connections are open. */
  readonly connections: number;
  /** Breaks every connection at once; new ones are taken. */
  cut(): void;
  /** Holds back each piece of data by this long, in both directions. 0: not any more. */
  delay(ms: number): void;
  /** Keeps connections open, takes new ones, and lets nothing pass until it is off again. */
  blackhole(on: boolean): void;
  /**
   * Lets the next `count` requests through that match (all do by default), swallows the reply and breaks the
   * connection. 0: not any more. A request is a piece of data as it comes from the client's socket.
   */
  dropReplies(count: number, matches?: (request: Buffer) => boolean): void;
  /** Replies pass in pieces of this many bytes, one per millisecond or so. 0: not any more. */
  trickle(bytesPerTick: number): void;
  close(): Promise<void>;
}

export async function startProxy(target: { host?: string; port: number }): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  const state: Faults = {
    delayMs: 0,
    blackhole: undefined,
    drops: 0,
    matches: () => true,
    bytesPerTick: 0,
    dropped: 0,
  };

  const server = createServer((client) => {
    const upstream = connect({ host: target.host ?? '127.0.0.1', port: target.port });
    const pair = join(client, upstream, state);
    pairs.add(pair);
    client.once('close', () => pairs.delete(pair));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { address, port } = server.address() as AddressInfo;

  function cut(): void {
    for (const pair of pairs) pair.cut();
  }

  return {
    host: address,
    port,
    get dropped() {
      return state.dropped;
    },
    get connections() {
      return pairs.size;
    },
    cut,
    delay(ms) {
      state.delayMs = ms;
    },
    blackhole(on) {
      state.blackhole?.open();
      state.blackhole = on ? createGate() : undefined;
    },
    dropReplies(count, matches = () => true) {
      state.drops = count;
      state.matches = matches;
    },
    trickle(bytesPerTick) {
      state.bytesPerTick = bytesPerTick;
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      state.blackhole?.open();
      cut();
      await closed;
    },
  };
}

interface Faults {
  delayMs: number;
  blackhole: Gate | undefined;
  drops: number;
  matches: (request: Buffer) => boolean;
  bytesPerTick: number;
  dropped: number;
}

/** Holds back whoever waits for it until it opens. */
interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

function createGate(): Gate {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    opened,
    open() {
      open();
    },
  };
}

interface Pair {
  cut(): void;
}

function join(client: Socket, upstream: Socket, faults: Faults): Pair {
  let dropNext = false;

  function cut(): void {
    // Node cannot reset a socket while it ends: it would lose it, and then never exit.
    if (client.writableEnded) client.destroy();
    else client.resetAndDestroy();
    upstream.destroy();
  }
  for (const socket of [client, upstream]) {
    socket.setNoDelay(true);
    // The other side hears of an error by the close that follows.
    socket.on('error', () => undefined);
  }
  client.once('close', () => upstream.destroy());
  upstream.once('close', () => client.destroy());

  pipe(client, upstream, faults, {
    admit(request) {
      if (faults.drops > 0 && faults.matches(request)) {
        faults.drops -= 1;
        dropNext = true;
      }
      return true;
    },
    stepOf: (request) => request.length,
  });
  pipe(upstream, client, faults, {
    admit() {
      if (!dropNext) return true;
      faults.dropped += 1;
      cut();
      return false;
    },
    stepOf: (reply) => faults.bytesPerTick || reply.length,
  });
  return { cut };
}

interface Direction {
  /** Sees each piece as it arrives; false: it does not pass. */
  readonly admit: (piece: Buffer) => boolean;
  /** How many bytes of a piece pass at a time. */
  readonly stepOf: (piece: Buffer) => number;
}

/** More than this waiting in the proxy, and the sender's own buffers have to hold it. */
const HIGH_WATER_BYTES = 64 * 1024;

/** Passes data on in order; each piece waits until the one before has passed. */
function pipe(from: Socket, to: Socket, faults: Faults, { admit, stepOf }: Direction): void {
  let last = Promise.resolve();
  let waiting = 0;

  from.on('data', (piece: Buffer) => {
    if (!admit(piece)) return;
    const due = performance.now() + faults.delayMs;
    waiting += piece.length;
    if (waiting > HIGH_WATER_BYTES) from.pause();
    last = last.then(async () => {
      await pass(piece, due);
      waiting -= piece.length;
      from.resume();
    });
  });
  from.once('end', () => {
    void last.then(() => to.end());
  });

  async function pass(piece: Buffer, due: number): Promise<void> {
    const wait = due - performance.now();
    if (wait > 0) await pause(wait);
    const step = stepOf(piece);
    for (let at = 0; at < piece.length && !to.destroyed; at += step) {
      if (at > 0) await pause(1);
      await faults.blackhole?.opened;
      if (!to.write(piece.subarray(at, at + step))) await drained(to);
    }
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('drain', resolve);
    socket.once('close', resolve);
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
