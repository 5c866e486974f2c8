import { PolicyClient } from '@policystore/client';

import type { Sample } from '../measure/sample.js';
import type { ServerProcess } from './server-process.js';

/** @throws Error when a patch was not a change, or was one twice. */
export type ChangeCheck = (samples: readonly Sample[]) => Promise<void>;

/** Begins to watch over loads that only patch. @returns what to ask with all their samples when they are over. */
export async function expectChanges(server: ServerProcess): Promise<ChangeCheck> {
  const before = await revision(server);
  return async (samples) => {
    const changes = (await revision(server)) - before;
    const patches = samples.reduce((sum, { requests }) => sum + requests, 0);
    if (changes !== patches) throw new Error(`${patches} patches made ${changes} changes`);
  };
}

async function revision({ port }: ServerProcess): Promise<number> {
  const client = new PolicyClient({ addresses: `127.0.0.1:${port}` });
  try {
    return (await client.get()).version.revision;
  } finally {
    client.close();
  }
}
