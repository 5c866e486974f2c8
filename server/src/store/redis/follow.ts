import type { Clock } from '../../clock.js';
import { type ChainedEntry, continues, toLogEntry } from '../chain.js';
import { MAX_PAGE_BYTES, MAX_PAGE_ENTRIES, type Followed, type Head } from '../store.js';
import type { Link } from './link.js';
import { parseEntries, parseHead, parseList } from './replies.js';
import { FOLLOW, runReader } from './scripts.js';

/** XREAD bounds its reply by entries only, and one may be large; what is left over comes by the page. */
const WAKE_ENTRIES = 16;

export interface FollowOptions {
  /** The namespace's state and log. */
  readonly keys: readonly [state: string, log: string];
  readonly clock: Clock;
  /** How long one XREAD blocks; the longest time between two confirmations. */
  readonly pollMs: number;
  readonly timeoutMs: number;
}

/**
 * Follows a log by two questions in turn. A script asks what came after the last entry seen: only that confirms,
 * since it sees the head too. A blocking XREAD waits for news and brings it at once.
 */
export async function* followOn(
  link: Link,
  after: Head,
  { keys, clock, pollMs, timeoutMs }: FollowOptions,
): AsyncGenerator<Followed | 'gap', void, undefined> {
  let at: Pick<Head, 'revision' | 'id'> = after;
  // A page that does not reach the head confirms nothing new.
  let confirmedAt = -Infinity;

  /** Undefined while the store is interrupted. */
  async function ask(): Promise<{ head: Head; entries: ChainedEntry[] } | undefined> {
    const args = [at.id, at.revision, MAX_PAGE_ENTRIES, MAX_PAGE_BYTES];
    const reply = await link.run((connection) =>
      runReader(connection, FOLLOW, keys, [...args, connection.runId], timeoutMs),
    );
    const [epoch, revision, id, page] = parseList(reply);
    if (id === undefined) return undefined;
    return { head: parseHead(epoch, revision, id), entries: parseEntries(page) };
  }

  async function waitForNews(): Promise<ChainedEntry[]> {
    const options = [
      'BLOCK',
      Math.ceil(pollMs),
      'COUNT',
      WAKE_ENTRIES,
      'STREAMS',
      keys[1],
      `${at.revision}-0`,
    ];
    // Redis answers when the time is over; without that answer the connection is lost.
    const reply = await link.run((connection) => connection.send(['XREAD', ...options], pollMs + 1000));
    return parseEntries(parseList(parseList(reply)[0])[1]);
  }

  for (;;) {
    const askedAt = clock.now();
    const answer = await ask();
    const { head, entries } = answer ?? { head: undefined, entries: [] };
    const last = entries.at(-1) ?? at;
    if (!head || !continues(at, entries) || (entries.length === 0 && head.id !== at.id)) {
      yield 'gap';
      return;
    }
    if (last.id === head.id) confirmedAt = askedAt;
    at = last;
    yield { entries: entries.map(toLogEntry), askedAt: confirmedAt };
    if (last.id !== head.id) continue;

    const news = await waitForNews();
    if (!continues(at, news)) {
      yield 'gap';
      return;
    }
    at = news.at(-1) ?? at;
    if (news.length > 0) yield { entries: news.map(toLogEntry), askedAt: confirmedAt };
  }
}
