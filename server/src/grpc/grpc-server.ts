import { setTimeout as delay } from 'node:timers/promises';

import { Server, ServerCredentials, type ServerOptions } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';

import type { CallLog } from './call-log.js';
import type { Served } from './calls.js';
import { fleetServiceMethods, historyServiceMethods, policyServiceMethods } from './codecs.js';
import { createFleetService } from './fleet-service.js';
import { createHistoryService } from './history-service.js';
import { createPolicyService } from './policy-service.js';
import { addReflection } from './reflection.js';

const OWN_SERVICES = ['PolicyService', 'HistoryService', 'FleetService'].map(
  (name) => `quantumtrader.policy.v1.${name}`,
);
const SERVICES = [
  ...OWN_SERVICES,
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
];

/** Time for calls under way when the server stops. A health watch never ends by itself. */
const DRAIN_MS = 1000;

/** Also what the benchmark gives to the bare server that it compares with. */
export const SERVER_OPTIONS: ServerOptions = {
  'grpc.enable_channelz': 0,
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
  // Watches and calls in flight of one connection.
  'grpc.max_concurrent_streams': 2000,
  // A peer that was stopped or cut off is noticed within 20 + 10 s.
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  // Long-lived connections move on, so that replicas behind one address share the load. Calls have the grace
  // to finish, far more than a write takes; watches are cut by it and resume.
  'grpc.max_connection_age_ms': 30 * 60_000,
  'grpc.max_connection_age_grace_ms': 30_000,
};

export interface GrpcServer {
  /** Host and port where it listens, with the port that a 0 became. */
  readonly address: string;
  /** What health checks answer. Not serving until told. */
  setServing(serving: boolean): void;
  /** Refuses new calls, waits for those under way, then cuts what is left. */
  close(): Promise<void>;
}

/** The address cannot be listened on. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

/** @throws ListenError */
export async function createGrpcServer(served: Served, address: string, log: CallLog): Promise<GrpcServer> {
  const server = new Server(SERVER_OPTIONS);
  server.addService(policyServiceMethods, { ...createPolicyService(served, log) });
  server.addService(historyServiceMethods, { ...createHistoryService(served, log) });
  server.addService(fleetServiceMethods, { ...createFleetService(served, log) });
  const health = new HealthImplementation();
  const setServing = (serving: boolean): void => {
    for (const name of ['', ...OWN_SERVICES]) health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
  };
  setServing(false);
  health.addToServer(server);
  addReflection(server, SERVICES, served, log);
  const port = await bind(server, address);
  return {
    address: address.replace(/:\d+$/, `:${port}`),
    setServing,
    close: () => shutDown(server),
  };
}

function bind(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(new ListenError(explain(address, error.message), { cause: error }));
    });
  });
}

function explain(address: string, message: string): string {
  const mend = 'set POLICY_GRPC_ADDR (--grpc-addr) to another address, such as 127.0.0.1:50052';
  if (message.includes('EADDRINUSE')) {
    return `cannot listen on ${address}: another process holds the port; stop it or ${mend}`;
  }
  if (message.includes('EACCES')) return `cannot listen on ${address}: no right to use the port; ${mend}`;
  if (message.includes('EADDRNOTAVAIL') || message.includes('ENOTFOUND') || message.includes('resol')) {
    return `cannot listen on ${address}: this machine does not have that address; ${mend}`;
  }
  return `cannot listen on ${address}: ${message}; ${mend}`;
}

async function shutDown(server: Server): Promise<void> {
  const drained = new Promise<void>((resolve) => {
    server.tryShutdown(() => {
      resolve();
    });
  });
  await Promise.race([drained, delay(DRAIN_MS, undefined, { ref: false })]);
  server.forceShutdown();
}
