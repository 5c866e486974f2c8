import { fileURLToPath } from 'node:url';

import { startProcess } from './process.js';
import { serverProgram, type ServerProcess } from './server.js';

const MAIN = fileURLToPath(new URL('../../server/dist/main.js', import.meta.url));
const READY = '"msg":"ready"';
const LISTENING = /"msg":"listening on ([^"]+)"/;

/**
 * Starts the built server, as users run it, on a free port of loopback unless POLICY_GRPC_ADDR names another.
 * Resolves when it serves; without `ready`, when it listens.
 */
export async function startBuiltServer(
  env: Readonly<Record<string, string>>,
  { ready = true }: { ready?: boolean } = {},
): Promise<ServerProcess> {
  const program = serverProgram({ POLICY_GRPC_ADDR: '127.0.0.1:0', POLICY_LOG_FORMAT: 'json', ...env });
  const started = await startProcess({
    ...program,
    args: [MAIN],
    answers: async ({ output }) => (ready ? output.includes(READY) : LISTENING.test(output)),
  });
  const address = LISTENING.exec(started.output)?.[1];
  if (address === undefined) throw new Error(`no address in the log:\n${started.output}`);
  return Object.defineProperty(started, 'address', { value: address }) as ServerProcess;
}
