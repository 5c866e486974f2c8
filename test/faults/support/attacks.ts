import { gzipSync } from 'node:zlib';

import {
  FleetServiceService,
  GlobalPolicy,
  HistoryServiceService,
  ListValue,
  PatchRequest,
  PolicyPatch,
  PolicyServiceService as policy,
} from '@policystore/client/proto';

import type { Random } from '../../demo/market/random.js';
import {
  FLAG,
  FRAME,
  frame,
  grpcHeaders,
  grpcMessage,
  type Header,
  MAX_PAYLOAD,
  OPENING,
  RawConnection,
  type Whereabouts,
} from './raw-http2.js';

/** A server that is attacked. */
export interface Target extends Whereabouts {
  /** What some of the requests have besides, so that they come further. */
  readonly headers?: (random: Random) => readonly Header[];
}

/** Sends hostile requests over one connection. Answers how many; resolves when the server is done with them. */
export type Attack = (target: Target, random: Random) => Promise<number>;

export const PATHS = [
  ...[policy, HistoryServiceService, FleetServiceService].flatMap((service) =>
    Object.values(service).map(({ path }: { path: string }) => path),
  ),
  '/grpc.health.v1.Health/Check',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/quantumtrader.policy.v1.PolicyService/Nothing',
  '/',
];
const REQUESTS = 100;

export const upTo = (random: Random, most: number): number => Math.floor(random.between(0, most));
export const noise = (random: Random, length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => upTo(random, 256)));
export const streamOf = (i: number): number => 2 * i + 1;

function headersOf({ headers }: Target, random: Random): readonly Header[] {
  return headers?.(random) ?? [];
}

/** A whole request. */
export function request(stream: number, path: string, body: Buffer, more: readonly Header[] = []): Buffer {
  return Buffer.concat([
    frame(FRAME.HEADERS, FLAG.END_HEADERS, stream, grpcHeaders(path, more)),
    ...Array.from({ length: Math.floor(body.length / MAX_PAYLOAD) }, (_, i) =>
      frame(FRAME.DATA, 0, stream, body.subarray(i * MAX_PAYLOAD, (i + 1) * MAX_PAYLOAD)),
    ),
    frame(FRAME.DATA, FLAG.END_STREAM, stream, body.subarray(body.length - (body.length % MAX_PAYLOAD))),
  ]);
}

export async function send(target: Target, requests: readonly Buffer[]): Promise<number> {
  const connection = await RawConnection.open(target);
  connection.write(OPENING, ...requests);
  await connection.heard();
  await connection.vanish();
  return requests.length;
}

function deep(levels: number): Buffer {
  let value: unknown = true;
  for (let i = 0; i < levels; i += 1) value = [value];
  return Buffer.from(ListValue.encode({ values: [value] }).finish());
}

const DEEP = deep(300);
export const PATCH = (patch: Partial<PolicyPatch>): Buffer =>
  Buffer.from(
    PatchRequest.encode({ ...PatchRequest.create(), patch: { ...PolicyPatch.create(), ...patch } }).finish(),
  );
const hostile = Object.assign(Object.create(null) as object, { ['__proto__']: { polluted: true } });

/** Messages that decode to what no policy may be, or to nothing. */
const BODIES: readonly ((random: Random) => Buffer)[] = [
  (random) => noise(random, upTo(random, 200)),
  () => DEEP,
  // A field number 10, custom_params, that holds what is nested 300 levels.
  () => Buffer.concat([Buffer.from([0x52, 0x80 | (DEEP.length & 0x7f), DEEP.length >> 7]), DEEP]),
  // A risk mode that there is not.
  (random) => Buffer.from([0x12, 0x03, 0x08, 0x80 | upTo(random, 128), 1 + upTo(random, 127)]),
  () => PATCH({ maxRiskPerTrade: NaN, globalMinConfidence: -Infinity, maxPositions: -1 }),
  () => PATCH({ customParams: hostile }),
  () => PATCH({ modelVersions: { clear: false, remove: [], put: new Map([['__proto__', '\u0000']]) } }),
  (random) => PATCH({ allowedSymbols: { clear: true, remove: [], add: [' '.repeat(upTo(random, 1000))] } }),
  (random) => {
    const whole = Buffer.from(GlobalPolicy.encode({ ...GlobalPolicy.create(), maxPositions: 5 }).finish());
    return whole.subarray(0, upTo(random, whole.length));
  },
];

/** Whole frames, and in them gRPC messages that are none. */
export const badMessages: Attack = (target, random) =>
  send(
    target,
    Array.from({ length: REQUESTS }, (_, i) => {
      const body = random.pick(BODIES)(random);
      const wrapped = random.pick([
        () => grpcMessage(body),
        () => grpcMessage(body, { length: upTo(random, 2 ** 32) }),
        () => grpcMessage(body, { compressed: upTo(random, 256) }),
        () => Buffer.concat([grpcMessage(body), grpcMessage(body)]),
        () => grpcMessage(body).subarray(0, upTo(random, 5)),
        () => body,
      ])();
      return request(streamOf(i), random.pick(PATHS), wrapped, headersOf(target, random));
    }),
  );

const BOMB = gzipSync(Buffer.alloc(32 * 1024 * 1024));

/** Messages that say they are gzip: broken, cut off, or 1,000 times as large as they look. */
export const badGzip: Attack = (target, random) =>
  send(
    target,
    Array.from({ length: REQUESTS }, (_, i) => {
      const whole = gzipSync(random.pick(BODIES)(random));
      const bytes = random.pick([
        () => noise(random, 64),
        () => whole.subarray(0, upTo(random, whole.length)),
        () => mutated(whole, random),
        () => (random.next() < 0.02 ? BOMB : whole),
      ])();
      const encoding = random.pick(['gzip', 'gzip', 'gzip', 'deflate', 'identity', 'br', '']);
      return request(streamOf(i), random.pick(PATHS), grpcMessage(bytes, { compressed: 1 }), [
        ['grpc-encoding', encoding],
        ...headersOf(target, random),
      ]);
    }),
  );

/** Headers that are no metadata: values, names and numbers that must not be. */
export const badMetadata: Attack = (target, random) =>
  send(
    target,
    Array.from({ length: REQUESTS }, (_, i) => {
      const value = noise(random, upTo(random, 300)).toString('latin1');
      const more: Header[] = random.pick<() => Header[]>([
        () => [['x-policy-client', value]],
        () => [['grpc-timeout', random.pick(['', '-1S', '99999999H', '1e9n', value])]],
        () => [[random.pick(['', 'UPPER', ':path', ':late', 'x y', 'connection', value]), 'x']],
        () => [['secret-bin', value]],
        () => Array.from({ length: 50 }, (_, j): Header => [`x-${j}`, 'y'.repeat(upTo(random, 100))]),
      ])();
      return request(streamOf(i), random.pick(PATHS), grpcMessage(Buffer.alloc(0)), [
        ...headersOf(target, random),
        ...more,
      ]);
    }),
  );

/** Headers far beyond what is allowed, in one frame after the other that never ends them. */
export const hugeMetadata: Attack = async (target, random) => {
  const connection = await RawConnection.open(target);
  const part = Buffer.concat([grpcHeaders('/'), Buffer.alloc(12 * 1024, 'y')]);
  connection.write(OPENING, frame(FRAME.HEADERS, 0, 1, part));
  const parts = 1 + upTo(random, 40);
  for (let i = 0; i < parts; i += 1) connection.write(frame(FRAME.CONTINUATION, 0, 1, part));
  await connection.heard();
  await connection.vanish();
  return 1;
};

/** Requests that are taken back as soon as they are made (CVE-2023-44487). */
export const rapidReset: Attack = (target, random) =>
  send(
    target,
    Array.from({ length: 500 }, (_, i) =>
      Buffer.concat([
        frame(
          FRAME.HEADERS,
          FLAG.END_HEADERS,
          streamOf(i),
          grpcHeaders(random.pick(PATHS), headersOf(target, random)),
        ),
        frame(FRAME.RST_STREAM, 0, streamOf(i), Buffer.from([0, 0, 0, 8])),
      ]),
    ),
  );

/** Some good requests, of which bytes are changed, lost or repeated on their way. */
export const brokenFrames: Attack = async (target, random) => {
  const connection = await RawConnection.open(target);
  const requests = Array.from({ length: 10 }, (_, i) =>
    request(
      streamOf(i),
      random.pick(PATHS),
      grpcMessage(random.pick(BODIES)(random)),
      headersOf(target, random),
    ),
  );
  connection.write(OPENING, mutated(Buffer.concat(requests), random));
  // What is cut off in a frame swallows whatever would ask for an answer.
  if (random.next() < 0.5) await connection.finished();
  else await connection.vanish();
  return requests.length;
};

/** What is no HTTP/2 at all. */
export const garbage: Attack = async (target, random) => {
  const connection = await RawConnection.open(target);
  connection.write(
    random.pick([
      () => noise(random, 1 + upTo(random, 2000)),
      () => Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
      // The beginning of a TLS handshake.
      () => Buffer.concat([Buffer.from([0x16, 3, 1, 2, 0, 1]), noise(random, 512)]),
      () => mutated(OPENING, random),
    ])(),
  );
  if (random.next() < 0.5) await connection.finished();
  else await connection.vanish();
  return 1;
};

/** A connection that stops in the middle of something, and stays. */
export async function openHalf(target: Target, random: Random): Promise<RawConnection> {
  const connection = await RawConnection.open(target);
  const whole = Buffer.concat([OPENING, request(1, policy.patch.path, grpcMessage(PATCH({})))]);
  connection.write(whole.subarray(0, upTo(random, whole.length)));
  return connection;
}

export function mutated(bytes: Buffer, random: Random): Buffer {
  const changed = Buffer.from(bytes);
  for (let i = 1 + upTo(random, 8); i > 0; i -= 1) {
    const at = upTo(random, changed.length);
    changed[at] = random.pick([upTo(random, 256), (changed[at] ?? 0) ^ (1 << upTo(random, 8)), 0, 255]);
  }
  const from = upTo(random, changed.length);
  return random.pick([
    () => changed,
    () => changed.subarray(0, from),
    () => Buffer.concat([changed.subarray(0, from), changed.subarray(upTo(random, changed.length))]),
  ])();
}
