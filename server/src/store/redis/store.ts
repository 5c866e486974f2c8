import { systemClock, type Clock } from '../../clock.js';
import type { LogBounds, PolicyStore } from '../store.js';
import { changesFrom } from './changes.js';
import { checkServer } from './check.js';
import { commitOn } from './commit.js';
import { followOn } from './follow.js';
import type { Link } from './link.js';
import { loadFrom } from './load.js';
import { createNetwork } from './network.js';
import { announcedOn, announceOn } from './presence.js';
import { parseRedisUrl } from './url.js';

export interface RedisStoreOptions {
  readonly clock?: Clock;
  /** How long a connection may take to open, and then a commit to be answered, in milliseconds. Default 1000. */
  readonly commandTimeoutMs?: number;
  /** The longest time between two confirmations of a follow, in milliseconds. Default 2000. */
  readonly pollMs?: number;
}

/** Reads move up to MAX_PAGE_BYTES and more, and nobody's commit waits for them. */
const READ_PATIENCE = 5;

/**
 * A store in Redis 7 or newer. Each namespace has one connection for its commits, one for reads and presence, and
 * one per follow, so that none can hold up another.
 * @throws StoreUnusable if the URL is bad
 */
export function createRedisStore(
  url: string,
  bounds: LogBounds,
  options: RedisStoreOptions = {},
): PolicyStore {
  const { clock = systemClock, commandTimeoutMs: timeoutMs = 1000, pollMs = 2000 } = options;
  const target = parseRedisUrl(url);
  const network = createNetwork(target, clock, timeoutMs);
  const writers = new Map<string, Link>();
  const readers = new Map<string, Link>();
  let closed = false;

  function linkOf(links: Map<string, Link>, namespace: string): Link {
    const existing = links.get(namespace);
    if (existing) return existing;
    const link = network.link(keysOf(namespace)[0]);
    links.set(namespace, link);
    return link;
  }

  return {
    async connect() {
      const warnings = await network.askMasters((connection) => checkServer(connection, target, timeoutMs));
      return warnings.flat();
    },
    async load(namespace, recent) {
      return await linkOf(readers, namespace).run((connection) =>
        loadFrom(connection, keysOf(namespace), recent, READ_PATIENCE * timeoutMs),
      );
    },
    async commit(namespace, expected, entries) {
      return await linkOf(writers, namespace).run((connection) =>
        commitOn(connection, keysOf(namespace), expected, entries, { bounds, wait: target.wait, timeoutMs }),
      );
    },
    async changes(namespace, range) {
      return await linkOf(readers, namespace).run((connection) =>
        changesFrom(connection, keysOf(namespace), range, READ_PATIENCE * timeoutMs),
      );
    },
    async *follow(namespace, after, signal) {
      const over = (): boolean => signal.aborted || closed;
      if (over()) return;
      const keys = keysOf(namespace);
      const link = network.link(keys[0]);
      const close = (): void => {
        link.close();
      };
      signal.addEventListener('abort', close);
      try {
        for await (const answer of followOn(link, after, { keys, clock, pollMs, timeoutMs })) {
          if (over()) return;
          yield answer;
        }
      } catch (error) {
        if (!over()) throw error;
      } finally {
        signal.removeEventListener('abort', close);
        close();
      }
    },
    async announce(namespace, summary, ttlMs) {
      await linkOf(readers, namespace).run((connection) =>
        announceOn(connection, replicasKeyOf(namespace), summary, ttlMs, READ_PATIENCE * timeoutMs),
      );
    },
    async announced(namespace) {
      return await linkOf(readers, namespace).run((connection) =>
        announcedOn(connection, replicasKeyOf(namespace), READ_PATIENCE * timeoutMs),
      );
    },
    close() {
      closed = true;
      network.close();
      return Promise.resolve();
    },
  };
}

/** The hash tag in braces puts all keys of a namespace into one slot of a cluster. */
function keysOf(namespace: string): readonly [state: string, log: string] {
  return [`{policy:${namespace}}:state`, `{policy:${namespace}}:log`];
}

function replicasKeyOf(namespace: string): string {
  return `{policy:${namespace}}:replicas`;
}
