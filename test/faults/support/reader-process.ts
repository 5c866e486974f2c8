// Watches until it is killed, and prints every event. Arguments: address, delivery, number of watches.
import { PolicyClient } from '@policystore/client';

import { fingerprint, type Line, type ReaderSettings } from './reader.js';

const [, , addresses = '', delivery, count] = process.argv;

async function read(watch: number): Promise<void> {
  const client = new PolicyClient({ addresses });
  // So long that it does not give the connection up after it stood still.
  const stream = client.watch({ delivery: delivery as ReaderSettings['delivery'], heartbeatMs: 60_000 });
  for await (const { kind, version, resync, policy } of stream) {
    const line: Line = {
      watch,
      kind,
      revision: version.revision,
      resync,
      gaps: stream.gaps,
      ...(resync ? { policy: fingerprint(policy) } : {}),
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }
}

await Promise.all(Array.from({ length: Number(count) }, (_, watch) => read(watch)));
