import { once } from 'node:events';

import { Client, credentials } from '@grpc/grpc-js';

import type { Call } from './load/messages.js';
import type { Sizes } from './peers/bare.js';
import type { ServerProcess } from './peers/server-process.js';
import { get, patches, watch } from './workload.js';

const asTheyAre = (bytes: Buffer): Buffer => bytes;

/** How many bytes the real server answers and sends; `symbol` must be ranked. */
export async function probe(server: ServerProcess, symbol: string): Promise<Sizes> {
  const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
  const call = ({ path, message }: Call): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(path, asTheyAre, asTheyAre, Buffer.from(message), (error, reply) => {
        if (reply === undefined) reject(error ?? new Error('no reply'));
        else resolve(reply);
      });
    });
  const message = Buffer.from(watch.message);
  const stream = client.makeServerStreamRequest(watch.path, asTheyAre, asTheyAre, message);
  stream.on('error', () => undefined);
  try {
    await once(stream, 'data');
    const next = once(stream, 'data') as Promise<[Buffer]>;
    const [patch] = patches(symbol);
    const patchReply = await call(patch);
    const [watchMessage] = await next;
    const getReply = await call(get);
    return {
      getReply: getReply.length,
      patchReply: patchReply.length,
      watchMessage: watchMessage.length,
    };
  } finally {
    stream.cancel();
    client.close();
  }
}
