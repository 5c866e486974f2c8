import { type Policy, PolicyClient, View } from '@policystore/client';
import type { HistoryEntry } from '@policystore/client';

import { startServer, type TestServer } from './server.js';

/** A server, an operator, and clients under the names of components. */
export interface ComponentWorld {
  readonly server: TestServer;
  readonly operator: PolicyClient;
  /** A client of its own, closed after the test. */
  client(name: string): PolicyClient;
  base(): Promise<Policy>;
  effective(): Promise<Policy>;
  /** All changes since the server was started, oldest first. */
  changes(): Promise<HistoryEntry[]>;
}

/** A fresh server on a store in memory for each test of the current suite. */
export function useComponentWorld(): () => ComponentWorld {
  let world: ComponentWorld | undefined;
  const clients: PolicyClient[] = [];

  beforeEach(async () => {
    const server = await startServer();
    const client = (name: string): PolicyClient => {
      const made = new PolicyClient({ addresses: server.address, name });
      clients.push(made);
      return made;
    };
    const operator = client('operator');
    world = {
      server,
      operator,
      client,
      base: async () => (await operator.get({ view: View.BASE, fresh: true })).policy,
      effective: async () => (await operator.get({ fresh: true })).policy,
      changes: async () => {
        const all: HistoryEntry[] = [];
        for await (const entry of operator.history()) all.unshift(entry);
        return all.slice(1);
      },
    };
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await world?.server.close();
  });

  return () => {
    if (world === undefined) throw new Error('only within a test');
    return world;
  };
}
