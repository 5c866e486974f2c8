import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { startProcess } from '../../support/process.js';
import type { ServerProcess } from './server-process.js';

/** What the real server answers and sends, which the bare one does too. */
export interface SameBytes {
  readonly policy: string;
  readonly event: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly eventHeaders: Readonly<Record<string, string>>;
}

const FILE = fileURLToPath(new URL('bare-http-server.ts', import.meta.url));
const PORT = /listening on (\d+)/;

export async function startBareHttp(bytes: SameBytes): Promise<ServerProcess> {
  const directory = mkdtempSync(join(tmpdir(), 'policystore-bench-'));
  const file = join(directory, 'bytes.json');
  writeFileSync(file, JSON.stringify(bytes));
  const bare = await startProcess({
    command: process.execPath,
    args: ['--import=tsx', FILE, file],
    answers: async ({ output }) => PORT.test(output),
  });
  return {
    pid: bare.pid,
    port: Number(PORT.exec(bare.output)?.[1]),
    async close() {
      await bare.kill();
      rmSync(directory, { recursive: true });
    },
  };
}
