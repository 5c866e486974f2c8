import { type Address, addressText } from '../server-url.js';
import { StoreUnavailable, StoreUnusable } from '../store.js';
import { RedisRefusal, type Connection, type Reply } from './connection.js';
import { parseList, parsePairs, parseText } from './replies.js';
import type { RedisTarget } from './url.js';

/** Finds the server that takes the writes of a key, asked anew whenever a connection is opened. */
export interface Locator {
  locate(key: string): Promise<Address>;
  /** Every server that takes writes. */
  masters(): Promise<Address[]>;
}

/** Runs `ask` on a connection of its own; `authenticate` false: without user name and password. */
export type AskNode = <T>(
  address: Address,
  ask: (connection: Connection) => Promise<T>,
  authenticate?: boolean,
) => Promise<T>;

export function createLocator(target: RedisTarget, askNode: AskNode, timeoutMs: number): Locator {
  switch (target.kind) {
    case 'single':
      return fixed(target.addresses);
    case 'sentinel':
      return sentinels(target, askNode, timeoutMs);
    case 'cluster':
      return cluster(target.addresses, askNode, timeoutMs);
  }
}

function fixed(addresses: readonly Address[]): Locator {
  const [address] = addresses;
  if (!address) throw new StoreUnusable('No Redis address was given');
  return { locate: () => Promise.resolve(address), masters: () => Promise.resolve([address]) };
}

/** All Sentinels are asked and the newest configuration wins: one that was cut off may still name an old master. */
function sentinels(target: RedisTarget, askNode: AskNode, timeoutMs: number): Locator {
  async function ask(sentinel: Address): Promise<{ address: Address; configEpoch: number }> {
    // Sentinels have passwords of their own or none, and refuse one that they do not want.
    const master = await askNode(sentinel, askMaster, false).catch((error: unknown) => {
      if (!(error instanceof RedisRefusal) || error.code !== 'NOAUTH') throw error;
      return askNode(sentinel, askMaster);
    });
    const fields = parsePairs(master);
    return {
      address: { host: parseText(fields.get('ip')), port: Number(parseText(fields.get('port'))) },
      configEpoch: Number(parseText(fields.get('config-epoch'))),
    };
  }

  function askMaster(connection: Connection): Promise<Reply> {
    return connection.send(['SENTINEL', 'MASTER', target.masterName], timeoutMs);
  }

  async function locate(): Promise<Address> {
    const answers = await Promise.allSettled(target.addresses.map(ask));
    const known = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    const newest = known.sort((a, b) => b.configEpoch - a.configEpoch)[0];
    if (newest) return newest.address;
    const names = target.addresses.map(addressText).join(', ');
    const errors = answers.map((answer) =>
      answer.status === 'rejected' ? (answer.reason as Error) : undefined,
    );
    if (errors.some((error) => error?.message.includes('No such master'))) {
      throw new StoreUnusable(
        `The Sentinels at ${names} know no master ${target.masterName}: correct POLICY_STORE`,
      );
    }
    if (errors.some((error) => error?.message.includes('unknown command'))) {
      throw new StoreUnusable(`At ${names} runs no Sentinel: use redis:// or correct POLICY_STORE`);
    }
    throw errors.find((error) => error instanceof RedisRefusal) ?? unreachable('Sentinel', names, errors[0]);
  }

  return { locate, masters: async () => [await locate()] };
}

function cluster(seeds: readonly Address[], askNode: AskNode, timeoutMs: number): Locator {
  let known: readonly Address[] = seeds;

  /** Asks every known node at once: the first that answers will do, since a stale answer ends in MOVED. */
  async function ask<T>(question: (connection: Connection) => Promise<T>): Promise<T> {
    const nodes = distinct([...known, ...seeds]);
    try {
      return await Promise.any(nodes.map((node) => askNode(node, question)));
    } catch (error) {
      const errors = error instanceof AggregateError ? (error.errors as Error[]) : [];
      const refusal = errors.find((each) => each instanceof RedisRefusal);
      if (refusal?.message.includes('cluster support disabled')) {
        throw new StoreUnusable(
          `${addressText(refusal.address)} is no Redis cluster: use redis:// in POLICY_STORE`,
        );
      }
      throw refusal ?? unreachable('cluster node', nodes.map(addressText).join(', '), errors[0]);
    }
  }

  async function slots(connection: Connection): Promise<SlotRange[]> {
    const reply = await connection.send(['CLUSTER', 'SLOTS'], timeoutMs);
    return slotRanges(reply, connection.address);
  }

  function learn(ranges: readonly SlotRange[]): void {
    if (ranges.length > 0) known = distinct(ranges.flatMap((range) => range.nodes));
  }

  return {
    async locate(key) {
      const { slot, ranges } = await ask(async (connection) => {
        const [keySlot, all] = await Promise.all([
          connection.send(['CLUSTER', 'KEYSLOT', key], timeoutMs),
          slots(connection),
        ]);
        return { slot: Number(keySlot), ranges: all };
      });
      learn(ranges);
      const owner = ranges.find((range) => range.first <= slot && slot <= range.last)?.nodes[0];
      if (owner) return owner;
      throw new StoreUnavailable(`No node of the Redis cluster serves slot ${slot}: see CLUSTER INFO`, {
        sent: false,
      });
    },
    async masters() {
      const ranges = await ask(slots);
      learn(ranges);
      return distinct(ranges.flatMap((range) => range.nodes.slice(0, 1)));
    },
  };
}

interface SlotRange {
  readonly first: number;
  readonly last: number;
  /** The master, then its replicas. */
  readonly nodes: readonly Address[];
}

function slotRanges(reply: Reply, asked: Address): SlotRange[] {
  return parseList(reply).map((range) => {
    const [first, last, ...nodes] = parseList(range);
    return {
      first: Number(first),
      last: Number(last),
      nodes: nodes.map((node) => {
        const [host, port] = parseList(node);
        const name = parseText(host);
        // A node that does not know its own name means the one under which it was asked.
        return { host: name === '' || name === '?' ? asked.host : name, port: Number(port) };
      }),
    };
  });
}

function unreachable(what: string, names: string, cause: Error | undefined): StoreUnavailable {
  return new StoreUnavailable(
    `No Redis ${what} of ${names} can be reached: start one, or correct POLICY_STORE`,
    {
      sent: false,
      cause,
    },
  );
}

function distinct(addresses: readonly Address[]): Address[] {
  return [...new Map(addresses.map((address) => [addressText(address), address])).values()];
}
