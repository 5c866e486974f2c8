// 8. Choose a backend: the same program on SQLite, Redis and PostgreSQL. For each it starts a server of its own on a free
// port, with a namespace of its own, and does the same. Only POLICY_STORE differs.
//
//   npx tsx clients/typescript/examples/8-choose-a-backend.ts     SQLite in a temporary folder; or the stores you name:
//   npx tsx clients/typescript/examples/8-choose-a-backend.ts redis://127.0.0.1:6379 postgres://user:password@127.0.0.1
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { PolicyClient, PolicyStoreError } from '@policystore/client';

const SERVER = fileURLToPath(new URL('../../../server/dist/main.js', import.meta.url));
const namespace = 'backend-example';

/** All that a client does. It knows where the server is, and never where that keeps its log. */
async function trade(addresses: string): Promise<void> {
  await using client = new PolicyClient({ addresses, namespace, name: 'operator' });
  await client.patch({ allowedSymbols: { add: ['BTCUSDT'] }, maxPositions: 7 }, { reason: 'an example' });
  const { policy } = await client.get({ fresh: true });
  console.log(`  ${policy.maxPositions} positions, in ${policy.allowedSymbols.join(', ')}.`);
}

/** Runs a server on a store, for as long as `use` takes. */
async function serve(store: string, use: (address: string) => Promise<void>): Promise<void> {
  const settings = { POLICY_STORE: store, POLICY_NAMESPACES: namespace, POLICY_GRPC_ADDR: '127.0.0.1:0' };
  const env = { ...process.env, ...settings, POLICY_HTTP_ADDR: 'off', POLICY_LOG_FORMAT: 'json' };
  const server = spawn(process.execPath, [SERVER], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(server, 'exit');
  const listening = new Promise<string>((resolve) => {
    createInterface(server.stdout).on('line', (line) => {
      const { level, msg, address } = JSON.parse(line) as { level: number; msg: string; address?: string };
      if (address !== undefined) resolve(address);
      if (level > 40) console.log(`  The server says: ${msg}`);
    });
  });
  const stopped = exited.then(() => Promise.reject(new Error('the server has stopped')));
  try {
    await Promise.race([listening.then(use), stopped]);
  } finally {
    server.kill();
    await exited;
  }
}

const folder = mkdtempSync(join(tmpdir(), 'policystore-example-'));
const given = process.argv.slice(2);
for (const store of given.length > 0 ? given : [`sqlite:${join(folder, 'policy.db')}`]) {
  console.log(`A server with POLICY_STORE=${new URL(store).protocol}…`);
  await serve(store, trade).catch((error: unknown) => {
    if (!(error instanceof PolicyStoreError)) throw error;
    console.log(`  ${error.message}`);
    process.exitCode = 1;
  });
}
rmSync(folder, { recursive: true });
