import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net';

import { Server, ServerCredentials } from '@grpc/grpc-js';
import {
  type FleetServiceServer,
  FleetServiceService,
  type HistoryServiceServer,
  HistoryServiceService,
  type PolicyServiceServer,
  PolicyServiceService,
} from '@policystore/client/proto';

/** Handlers of all services, by the names of their methods. */
export type Script = Partial<PolicyServiceServer & HistoryServiceServer & FleetServiceServer>;

/** A real gRPC server whose answers a test writes: what is not scripted is UNIMPLEMENTED. */
export interface ScriptedServer {
  /** `127.0.0.1:port`. */
  readonly address: string;
  /** How many connections there are. */
  readonly connections: number;
  /** Cuts every connection, as a dying host does. New ones are accepted. */
  cut(): void;
  close(): Promise<void>;
}

/** Port 0 takes any free one. */
export async function startScriptedServer(script: Script, port = 0): Promise<ScriptedServer> {
  const grpc = new Server();
  // grpc-js answers what is missing with UNIMPLEMENTED
  grpc.addService(PolicyServiceService, script as PolicyServiceServer);
  grpc.addService(HistoryServiceService, script as HistoryServiceServer);
  grpc.addService(FleetServiceService, script as FleetServiceServer);
  const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
  const sockets = new Set<Socket>();
  const net: NetServer = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    injector.injectConnection(socket);
  });
  await new Promise<void>((resolve, reject) => {
    net.once('error', reject);
    net.listen(port, '127.0.0.1', resolve);
  });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: `127.0.0.1:${(net.address() as AddressInfo).port}`,
    get connections() {
      return sockets.size;
    },
    cut,
    async close() {
      cut();
      grpc.forceShutdown();
      await new Promise((resolve) => net.close(resolve));
    },
  };
}
