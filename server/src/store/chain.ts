import type { Head, LogEntry } from './store.js';

/** A log entry with the id of the one before it. */
export interface ChainedEntry extends LogEntry {
  readonly previous: string;
}

/**
 * Whether each entry follows the one before it, and the first one `after`. Only the ids tell, which are random: a new
 * epoch may leave revisions out.
 */
export function continues(after: Pick<Head, 'id'>, entries: readonly ChainedEntry[]): boolean {
  return entries.every(({ previous }, i) => previous === (entries[i - 1] ?? after).id);
}

export function toLogEntry({ epoch, revision, id, commitTime, body }: ChainedEntry): LogEntry {
  return { epoch, revision, id, commitTime, body };
}
