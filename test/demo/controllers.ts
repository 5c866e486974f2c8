import { setTimeout as pause } from 'node:timers/promises';

import type { PolicyClient, Version } from '@policystore/client';

import { connect, type Stage } from './participant.js';
import type { ChangeMade } from './record.js';
import { SCRIPT } from './script.js';

/** So that people can follow, and executors get to decide under every revision. */
const PAUSE_MS = 120;

/** Makes every patch of the script, each under the name of its controller. */
export async function runControllers(
  { namespace, narrator, sentAt }: Stage,
  address: string,
  start: Version,
): Promise<ChangeMade[]> {
  const names = [...new Set(SCRIPT.map(({ actor }) => actor))];
  const clients = new Map(names.map((name) => [name, connect(address, namespace, name)]));
  const changes: ChangeMade[] = [];
  let { revision } = start;
  try {
    for (const { actor, reason, patch, hurried } of SCRIPT) {
      const at = performance.now();
      sentAt.set(reason, at);
      const result = await find(clients, actor).patch(patch, { reason });
      const changed = result.version.revision !== revision;
      if (changed) changes.push({ version: result.version, patch: result.patch, sentAt: at });
      ({ revision } = result.version);
      if (hurried) continue;
      const what = `sets ${Object.keys(patch).join(', ')} (${reason})`;
      // In a namespace that was used before, a step may find what it wants.
      narrator.tell(actor, changed ? `${what}: revision ${revision}` : `${what}: it is so already`);
      await pause(PAUSE_MS);
    }
  } finally {
    for (const client of clients.values()) client.close();
  }
  return changes;
}

function find(clients: ReadonlyMap<string, PolicyClient>, name: string): PolicyClient {
  const client = clients.get(name);
  if (client === undefined) throw new Error(`${name} has no client`);
  return client;
}
