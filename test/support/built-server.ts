import { fileURLToPath } from 'node:url';

import { startProcess } from './process.js';
import { FREE_PORTS, serverProgram, type ServerProcess } from './server.js';

const MAIN = fileURLToPath(new URL('../../server/dist/main.js', import.meta.url));
const READY = '"msg":"ready"';
const HTTP = /"msg":"HTTP listens on ([^"]+)"/;
const LISTENING = /"msg":"listening on ([^"]+)"/;

/**
 * Starts the built server, as users run it, on free ports of loopback unless POLICY_GRPC_ADDR or POLICY_HTTP_ADDR name others.
 * Resolves when it serves; without `ready`, when it listens.
 */
export async function startBuiltServer(
  env: Readonly<Record<string, string>>,
  { ready = true }: { ready?: boolean } = {},
): Promise<ServerProcess> {
  const program = serverProgram({ ...FREE_PORTS, POLICY_LOG_FORMAT: 'json', ...env });
  const started = await startProcess({
    ...program,
    args: [MAIN],
    answers: async ({ output }) => (ready ? output.includes(READY) : LISTENING.test(output)),
  });
  const address = LISTENING.exec(started.output)?.[1];
  if (address === undefined) throw new Error(`no address in the log:\n${started.output}`);
  const httpAddress = HTTP.exec(started.output)?.[1] ?? '';
  return Object.defineProperties(started, {
    address: { value: address },
    httpAddress: { value: httpAddress },
  }) as ServerProcess;
}
