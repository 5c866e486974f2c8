// The reference: grpc-js with the server's own channel options, and nothing behind it. Get answers a constant
// buffer; Patch writes a constant buffer to every open Watch and then answers one.
// Arguments: the sizes in bytes of these three; to encrypt, the files of a certificate and its key.
import { readFileSync } from 'node:fs';

import {
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';

import { SERVER_OPTIONS } from '../../../server/src/grpc/grpc-server.js';
import { BARE } from './bare-methods.js';

const [cert, key] = process.argv.slice(5);
const [getReply, patchReply, watchMessage] = process.argv
  .slice(2, 5)
  .map((size) => Buffer.alloc(Number(size), 1)) as [Buffer, Buffer, Buffer];

const asTheyAre = (bytes: Buffer): Buffer => bytes;
const method = (path: string, responseStream: boolean) => ({
  path,
  requestStream: false,
  responseStream,
  requestSerialize: asTheyAre,
  requestDeserialize: asTheyAre,
  responseSerialize: asTheyAre,
  responseDeserialize: asTheyAre,
});
const streams = new Set<ServerWritableStream<Buffer, Buffer>>();

const server = new Server(SERVER_OPTIONS);
server.addService(
  { get: method(BARE.get, false), patch: method(BARE.patch, false), watch: method(BARE.watch, true) },
  {
    get: (_call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
      callback(null, getReply);
    },
    patch: (_call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
      for (const stream of streams) stream.write(watchMessage);
      callback(null, patchReply);
    },
    watch: (call: ServerWritableStream<Buffer, Buffer>) => {
      streams.add(call);
      call.on('cancelled', () => streams.delete(call));
      call.write(watchMessage);
    },
  },
);
const credentials =
  cert === undefined || key === undefined
    ? ServerCredentials.createInsecure()
    : ServerCredentials.createSsl(null, [{ cert_chain: readFileSync(cert), private_key: readFileSync(key) }]);
server.bindAsync('127.0.0.1:0', credentials, (error, port) => {
  if (error !== null) throw error;
  console.log(`listening on ${port}`);
});
