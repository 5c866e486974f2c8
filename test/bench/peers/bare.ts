import { fileURLToPath } from 'node:url';

import { startProcess } from '../../support/process.js';
import type { ServerProcess } from './server-process.js';

/** Bytes of what the real server answers, so that the bare one answers as much. */
export interface Sizes {
  readonly getReply: number;
  readonly patchReply: number;
  readonly watchMessage: number;
}

const FILE = fileURLToPath(new URL('bare-server.ts', import.meta.url));
const PORT = /listening on (\d+)/;

export async function startBare({ getReply, patchReply, watchMessage }: Sizes): Promise<ServerProcess> {
  const bare = await startProcess({
    command: process.execPath,
    args: ['--import=tsx', FILE, ...[getReply, patchReply, watchMessage].map(String)],
    answers: async ({ output }) => PORT.test(output),
  });
  return { pid: bare.pid, port: Number(PORT.exec(bare.output)?.[1]), close: () => bare.kill() };
}
