import { readFileSync } from 'node:fs';

import { type ManagedProcess, until } from './process.js';

/** SIGSTOP; resolves when the process really stands still. */
export async function bringToStandstill(managed: ManagedProcess): Promise<void> {
  managed.freeze();
  await until(async () => /^State:\s+T/m.test(statusOf(managed)));
}

/** The memory of a process that is in RAM. */
export function residentBytes(managed: ManagedProcess): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(statusOf(managed))?.[1];
  if (kib === undefined) throw new Error(`/proc/${managed.pid}/status has no VmRSS`);
  return Number(kib) * 1024;
}

function statusOf({ pid }: ManagedProcess): string {
  return readFileSync(`/proc/${pid}/status`, 'utf8');
}
