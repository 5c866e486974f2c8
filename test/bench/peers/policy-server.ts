import { fileURLToPath } from 'node:url';

import { PolicyClient, type PolicyInput } from '@policystore/client';

import { startOnFreePort, startProcess } from '../../support/process.js';
import type { ServerProcess, ServerSecurity } from './server-process.js';

const MAIN = fileURLToPath(new URL('../../../server/dist/main.js', import.meta.url));

/**
 * The built server, as `make run` starts it: default settings but for store and address, its log thrown away.
 * @param security Its settings, and how to be let in. Absent: nothing is encrypted, and nobody has to say who calls.
 */
export async function startPolicyServer(
  store: string,
  policy: PolicyInput,
  security?: ServerSecurity & { readonly env: Readonly<Record<string, string>> },
): Promise<ServerProcess> {
  return await startOnFreePort(async (port) => {
    const address = `127.0.0.1:${port}`;
    const server = await startProcess({
      command: 'sh',
      args: ['-c', 'exec "$0" "$1" > /dev/null', process.execPath, MAIN],
      env: {
        PATH: process.env['PATH'],
        POLICY_STORE: store,
        POLICY_GRPC_ADDR: address,
        POLICY_HTTP_ADDR: 'off',
        ...security?.env,
      },
      answers: async () => {
        const client = new PolicyClient({
          addresses: address,
          deadlineMs: 1000,
          ...(security && { tls: { ca: security.ca, serverName: 'localhost' }, token: security.token }),
        });
        try {
          await client.update(policy);
        } finally {
          client.close();
        }
      },
    });
    return { pid: server.pid, port, security, close: () => server.stop() };
  });
}
