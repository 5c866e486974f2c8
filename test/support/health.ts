import type { Client } from '@grpc/grpc-js';

import { ask, type UnaryMethod } from './server.js';

/** By hand: field 1 of the request is the service, of the response the status. */
const CHECK: UnaryMethod<string, number> = {
  path: '/grpc.health.v1.Health/Check',
  requestSerialize: (service) => Buffer.from([0x0a, service.length, ...Buffer.from(service)]),
  responseDeserialize: (bytes) => bytes[1] ?? 0,
};

/** What grpc.health.v1.Health/Check answers for a service; for '' as a whole. */
export async function checkHealth(client: Client, service = ''): Promise<'SERVING' | 'NOT_SERVING' | number> {
  const status = await ask(client, CHECK, service);
  if (status === 1) return 'SERVING';
  return status === 2 ? 'NOT_SERVING' : status;
}
