import { fileURLToPath } from 'node:url';

import { http } from '../../support/http.js';
import { startOnFreePort, startProcess } from '../../support/process.js';
import type { ServerProcess } from './server-process.js';

const MAIN = fileURLToPath(new URL('../../../server/dist/main.js', import.meta.url));

/** The built server with its HTTP port, as `make run` starts it: default settings, its log thrown away. */
export async function startRestServer(policy: object): Promise<ServerProcess> {
  return await startOnFreePort(async (port) => {
    const httpAddress = `127.0.0.1:${String(port)}`;
    const server = await startProcess({
      command: 'sh',
      args: ['-c', 'exec "$0" "$1" > /dev/null', process.execPath, MAIN],
      env: {
        PATH: process.env['PATH'],
        POLICY_STORE: 'memory:',
        POLICY_GRPC_ADDR: '127.0.0.1:0',
        POLICY_HTTP_ADDR: httpAddress,
      },
      answers: async () => {
        const { status, text } = await http({ httpAddress }, 'PUT', '/api/policy', { body: policy });
        if (status !== 200) throw new Error(text);
      },
    });
    return { pid: server.pid, port, close: () => server.stop() };
  });
}
