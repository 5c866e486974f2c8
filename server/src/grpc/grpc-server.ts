import { setTimeout as delay } from 'node:timers/promises';

import { Server, ServerCredentials, type ServerOptions } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';

import { listenError } from '../listen-error.js';
import type { Certificates } from '../tls/certificates.js';
import type { ServiceContext } from './calls.js';
import { fleetServiceMethods, historyServiceMethods, policyServiceMethods } from './codecs.js';
import { createFleetService } from './fleet-service.js';
import { createHistoryService } from './history-service.js';
import { createPolicyService } from './policy-service.js';
import { addReflection } from './reflection.js';
import { TlsCredentials } from './tls-credentials.js';

const OWN_SERVICES = ['PolicyService', 'HistoryService', 'FleetService'].map(
  (name) => `quantumtrader.policy.v1.${name}`,
);
const SERVICES = [
  ...OWN_SERVICES,
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
];

/** What to change where the address cannot be had. */
const SETTING = 'POLICY_GRPC_ADDR (--grpc-addr) to another address, such as 127.0.0.1:50052';

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

/**
 * @param certificates Undefined: nothing is encrypted.
 * @throws ListenError
 */
export async function createGrpcServer(
  context: ServiceContext,
  address: string,
  certificates?: Certificates,
): Promise<GrpcServer> {
  const server = new Server(SERVER_OPTIONS);
  server.addService(policyServiceMethods, { ...createPolicyService(context) });
  server.addService(historyServiceMethods, { ...createHistoryService(context) });
  server.addService(fleetServiceMethods, { ...createFleetService(context) });
  const health = new HealthImplementation();
  const setServing = (serving: boolean): void => {
    for (const name of ['', ...OWN_SERVICES]) health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
  };
  setServing(false);
  health.addToServer(server);
  addReflection(server, SERVICES, context);
  const credentials =
    certificates === undefined ? ServerCredentials.createInsecure() : new TlsCredentials(certificates);
  const port = await bind(server, address, credentials);
  return {
    address: address.replace(/:\d+$/, `:${port}`),
    setServing,
    close: () => shutDown(server),
  };
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(listenError(address, error, SETTING));
    });
  });
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
