import { fileURLToPath } from 'node:url';

import { startProcess } from '../../support/process.js';
import type { Secured } from '../../support/secured.js';
import type { ServerProcess } from './server-process.js';

/** Bytes of what the real server answers, so that the bare one answers as much. */
export interface Sizes {
  readonly getReply: number;
  readonly patchReply: number;
  readonly watchMessage: number;
}

const FILE = fileURLToPath(new URL('bare-server.ts', import.meta.url));
const PORT = /listening on (\d+)/;

/** @param secured Absent: nothing is encrypted. */
export async function startBare(
  { getReply, patchReply, watchMessage }: Sizes,
  secured?: Pick<Secured, 'authority' | 'files'>,
): Promise<ServerProcess> {
  const files = secured === undefined ? [] : [secured.files.cert, secured.files.key];
  const bare = await startProcess({
    command: process.execPath,
    args: ['--import=tsx', FILE, ...[getReply, patchReply, watchMessage].map(String), ...files],
    answers: async ({ output }) => PORT.test(output),
  });
  return {
    pid: bare.pid,
    port: Number(PORT.exec(bare.output)?.[1]),
    security: secured && { ca: secured.authority.cert },
    close: () => bare.kill(),
  };
}
