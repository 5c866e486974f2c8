import { PolicyClient } from '@policystore/client';

import type { Sample } from '../measure/sample.js';
import type { ServerProcess } from './server-process.js';

/**
 * Measures loads that only patch.
 * @throws Error when a patch was not a change, or was one twice.
 */
export async function expectChanges(
  server: ServerProcess,
  measure: () => Promise<Sample[][]>,
): Promise<Sample[][]> {
  const before = await revision(server);
  const samples = await measure();
  const changes = (await revision(server)) - before;
  const patches = samples.flat().reduce((sum, { requests }) => sum + requests, 0);
  if (changes !== patches) throw new Error(`${patches} patches made ${changes} changes`);
  return samples;
}

async function revision({ port }: ServerProcess): Promise<number> {
  const client = new PolicyClient({ addresses: `127.0.0.1:${port}` });
  try {
    return (await client.get()).version.revision;
  } finally {
    client.close();
  }
}
