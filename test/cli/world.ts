import { PolicyClient } from '@policystore/client';
import { expect } from 'chai';

import { closeAfterEach } from '../support/closing.js';
import { policyctl, type Told, type Typed } from '../support/policyctl.js';
import { startServer, type TestServer } from '../support/server.js';

/** A server of each test's own, and policyctl that knows where it is. */
export interface World {
  readonly server: TestServer;
  readonly client: PolicyClient;
  readonly env: Readonly<Record<string, string>>;
  run(args: readonly string[], typed?: Typed): Promise<Told>;
  /** Its data, from a command that must end well. */
  json(args: readonly string[]): Promise<Record<string, unknown>>;
}

export function worldOfEach(flags: readonly string[] = []): World {
  const keep = closeAfterEach();
  let server: TestServer;
  let client: PolicyClient;
  beforeEach(async () => {
    server = keep(await startServer({ flags }), (it) => it.close());
    client = keep(new PolicyClient({ addresses: server.address, name: 'msc_ai' }), (it) => it.close());
  });
  const run = (args: readonly string[], typed: Typed = {}): Promise<Told> =>
    policyctl(args, { ...typed, env: { POLICY_ADDR: server.address, ...typed.env } });
  return {
    get server() {
      return server;
    },
    get client() {
      return client;
    },
    get env() {
      return { POLICY_ADDR: server.address };
    },
    run,
    async json(args) {
      const { code, stdout, stderr } = await run([...args, '--output', 'json']);
      expect(code, stderr).to.equal(0);
      return JSON.parse(stdout) as Record<string, unknown>;
    },
  };
}
