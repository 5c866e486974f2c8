import { type ChainedEntry } from '../chain.js';
import type { Head } from '../store.js';

/** A row as policystore_after and policystore_commit give it. The driver reads a bigint as text. */
export interface LogRow {
  readonly kind: 'committed' | 'head' | 'interrupted' | 'entry';
  readonly epoch: string;
  readonly revision: string;
  readonly id: string;
  readonly previous: string;
  readonly commit_time: string;
  readonly body: Buffer;
}

export function parseHead({ epoch, revision, id }: Pick<LogRow, keyof Head>): Head {
  return { epoch, revision: Number(revision), id };
}

export function parseEntry(row: Omit<LogRow, 'kind'>): ChainedEntry {
  return { ...parseHead(row), previous: row.previous, commitTime: Number(row.commit_time), body: row.body };
}

/** The entries among the rows. */
export function parseEntries(rows: readonly LogRow[]): ChainedEntry[] {
  return rows.filter(({ kind }) => kind === 'entry').map(parseEntry);
}
