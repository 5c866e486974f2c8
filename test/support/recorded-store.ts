import { Change } from '@policystore/client/proto';

import type { NewEntry, PolicyStore } from '../../server/src/store/store.js';

export interface RecordedEntry extends NewEntry {
  /** Microseconds since the Unix epoch. */
  readonly commitTime: number;
  readonly change: Change;
}

/** A real store that remembers everything that was committed through it, also what its log has let go. */
export interface RecordedStore extends PolicyStore {
  readonly committed: readonly RecordedEntry[];
}

export function recordCommits(store: PolicyStore): RecordedStore {
  const committed: RecordedEntry[] = [];
  return {
    ...store,
    committed,
    async commit(namespace, expected, entries) {
      const reply = await store.commit(namespace, expected, entries);
      if (reply.kind === 'committed') {
        entries.forEach((entry, i) => {
          const change = Change.decode(entry.body);
          committed.push({ ...entry, change, commitTime: reply.commitTime + i });
        });
      }
      return reply;
    },
  };
}
