import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';

import { canonical } from '../../support/canonical.js';
import { type ManagedProcess, startProcess, until } from '../../support/process.js';

/** One event of a reader's watch. */
export interface Seen {
  readonly kind: 'snapshot' | 'change';
  readonly revision: number;
  readonly resync: boolean;
  /** The fingerprint of the policy, with `resync`. */
  readonly policy?: string;
}

/** What the reader's process prints for each event, as a line of JSON. */
export interface Line extends Seen {
  readonly watch: number;
  /** Of that watch so far. */
  readonly gaps: number;
}

export interface SeenWatch {
  readonly seen: readonly Seen[];
  readonly gaps: number;
}

/** Watches in a process of their own, each on a connection of its own. */
export interface Reader {
  readonly process: ManagedProcess;
  /** What the watches have seen so far. */
  watches(): readonly SeenWatch[];
  /** Resolves when all watches are at the revision or beyond. */
  reach(revision: number): Promise<void>;
}

export interface ReaderSettings {
  readonly address: string;
  readonly delivery: 'patches' | 'snapshots';
  readonly watches: number;
}

/** The same for equal policies; short, for a policy may be large. */
export function fingerprint(policy: unknown): string {
  return createHash('sha256').update(canonical(policy)).digest('hex');
}

const PROGRAM = fileURLToPath(new URL('./reader-process.ts', import.meta.url));

/** Resolves when every watch has had its first event. */
export async function startReader({ address, delivery, watches: count }: ReaderSettings): Promise<Reader> {
  const watches = Array.from({ length: count }, () => ({ seen: [] as Seen[], gaps: 0 }));
  let taken = 0;

  function take(output: string): void {
    const end = output.lastIndexOf('\n') + 1;
    if (end === taken) return;
    for (const text of output.slice(taken, end - 1).split('\n')) {
      const { watch, gaps, ...seen } = JSON.parse(text) as Line;
      watches[watch]!.seen.push(seen);
      watches[watch]!.gaps = gaps;
    }
    taken = end;
  }

  /** Whether, by this output, all watches are at the revision or beyond. */
  async function isAt(revision: number, { output }: ManagedProcess): Promise<boolean> {
    take(output);
    return watches.every(({ seen }) => (seen.at(-1)?.revision ?? -1) >= revision);
  }

  const process = await startProcess({
    command: globalThis.process.execPath,
    args: ['--import=tsx', PROGRAM, address, delivery, String(count)],
    answers: (started) => isAt(1, started),
  });
  const ended = process.exited.then(() => {
    throw new Error(`the reader ended:\n${process.output.slice(taken)}`);
  });
  ended.catch(() => undefined);
  return {
    process,
    watches: () => watches,
    reach: (revision) => Promise.race([until(() => isAt(revision, process), { timeoutMs: 60_000 }), ended]),
  };
}
