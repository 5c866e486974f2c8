import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { type ManagedProcess, startProcess } from '../support/process.js';
import type { Identities } from './identities.js';

/** The servers of one demo: one on an embedded store, or two replicas on a store that can be shared. */
export interface Servers extends AsyncDisposable {
  readonly addresses: readonly string[];
  /** What they have logged so far, in lines of JSON. */
  readonly serverLog: () => readonly string[];
  /** What they run on, for people. */
  readonly description: string;
}

/** What the URLs of stores begin with that two replicas can share. */
const SHARED = [
  ['redis', 'Redis'],
  ['postgres', 'PostgreSQL'],
] as const;

/** Who acknowledges, so that a receipt says who is not there at all. */
const EXPECTED = 'executor:3,orchestrator:1,risk_guard:1,portfolio_balancer:1,ensemble_manager:1';

const MAIN = fileURLToPath(new URL('../../server/dist/main.js', import.meta.url));
const LISTENING = /listening on ([^"\s]+)/;

/** @param directory of this day, for what the servers keep. */
export async function startServers(
  directory: string,
  store: string | undefined,
  namespace: string,
  { env }: Pick<Identities, 'env'>,
): Promise<Servers> {
  const kind = SHARED.find(([scheme]) => store?.startsWith(scheme))?.[1];
  const replicas = kind === undefined ? 1 : 2;
  const url = store ?? `sqlite:${join(directory, 'policy.db')}`;
  const running: ManagedProcess[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(running.map((server) => server.stop()));
  };
  try {
    for (let i = 0; i < replicas; i++) running.push(await startServer(url, namespace, env));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    addresses: running.map(({ output }) => LISTENING.exec(output)?.[1] ?? ''),
    serverLog: () =>
      running.flatMap(({ output }) => output.split('\n').filter((line) => line.startsWith('{'))),
    description:
      kind === undefined
        ? `one server on ${store ?? 'SQLite in a temporary directory'}`
        : `two replicas on one ${kind}`,
    [Symbol.asyncDispose]: close,
  };
}

/** Other settings than these keep their defaults, whatever the environment says. */
function startServer(store: string, namespace: string, settings: Identities['env']): Promise<ManagedProcess> {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(POLICY|QT)_/.test(name));
  return startProcess({
    command: process.execPath,
    args: [MAIN],
    env: {
      ...Object.fromEntries(inherited),
      POLICY_STORE: store,
      POLICY_NAMESPACES: namespace,
      POLICY_GRPC_ADDR: '127.0.0.1:0',
      POLICY_HTTP_ADDR: '127.0.0.1:0',
      POLICY_LOG_FORMAT: 'json',
      POLICY_EXPECTED: EXPECTED,
      ...settings,
    },
    answers: async ({ output }) => output.includes('"msg":"ready"'),
  });
}
