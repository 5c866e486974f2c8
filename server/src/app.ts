import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import type { Logger } from 'pino';

import { systemClock } from './clock.js';
import { BadSettings, type Config } from './config/config.js';
import { admitted, permit, readable } from './engine/access/admit.js';
import { createEngine } from './engine/engine.js';
import type { EngineLog } from './engine/engine-log.js';
import type { Engine } from './engine/types.js';
import { notReached } from './errors.js';
import { createCallLog } from './requests/call-log.js';
import { createGrpcServer } from './grpc/grpc-server.js';
import { createIdentifier, unverified } from './grpc/identity.js';
import { createHttpServer } from './http/http-server.js';
import { createEngineLog } from './log-engine.js';
import { createMetrics } from './metrics/metrics.js';
import { openAccessRules } from './open-access.js';
import { openGuardrails } from './open-guardrails.js';
import { openIdentity } from './open-identity.js';
import type { Served } from './requests/served.js';
import { createMemoryStore } from './store/memory/memory-store.js';
import { createPostgresStore } from './store/postgres/store.js';
import { createRedisStore } from './store/redis/store.js';
import { createSqliteStore } from './store/sqlite/sqlite-store.js';
import { parseSqliteUrl } from './store/sqlite/sqlite-url.js';
import { type PolicyStore, StoreUnavailable, StoreUnusable } from './store/store.js';
import { callingOf, commandsFor } from './welcome.js';

/** The longest time between two questions to the store that renew the lease. */
const MAX_POLL_MS = 2000;
/** Pause between tries to reach the store at the start. */
const RETRY_MS = 1000;

export interface App {
  /** Where gRPC listens, with the port that a 0 became. */
  readonly grpcAddress: string;
  /** Where HTTP listens. Undefined: it does not. */
  readonly httpAddress: string | undefined;
  /**
   * Resolves when every namespace is served, or the app was closed before. Waits for a store that is away.
   * @throws StoreUnusable when waiting will not help.
   */
  readonly ready: Promise<void>;
  /** Watches end with SHUTTING_DOWN, queued writes settle, calls under way finish, then all is freed. */
  close(): Promise<void>;
}

/**
 * Wires the server together. It listens when this resolves; until the store was reached, calls are answered
 * STORE_UNAVAILABLE and health NOT_SERVING.
 * @throws BadSettings for a store URL or a file that cannot be used; ListenError.
 */
export async function createApp(config: Config, log: Logger): Promise<App> {
  const identity = openIdentity(config, log);
  const { authenticator, certificates } = identity;
  const access = openAccessRules(config, log);
  const guardrails = openGuardrails(config, log);
  const metrics = createMetrics({ namespaces: config.namespaces, clock: systemClock });
  const store = metrics.metered(openStore(config));
  const closing = new AbortController();
  const isClosing = (): boolean => closing.signal.aborted;
  let engine: Engine | undefined;
  const unserved = new Map(config.namespaces.map((name) => [name, {}]));
  const served: Served = {
    permit(identity, right) {
      permit(access, identity, right);
    },
    readable: (identity) => readable(config.namespaces, access, identity),
    namespace(name, identity, right) {
      if (engine !== undefined) return engine.namespace(name, identity, right);
      admitted(unserved, access, { name, identity, right });
      throw notReached();
    },
  };
  const calls = createCallLog(log);
  const identifier = authenticator === undefined ? unverified : createIdentifier(authenticator);
  const abort = async (error: unknown): Promise<never> => {
    guardrails?.close();
    access.close();
    identity.close();
    await store.close();
    throw error;
  };
  const grpc = await createGrpcServer(
    { engine: served, identifier, log: calls, meter: metrics.calls('grpc') },
    config.grpcAddress,
    certificates,
  ).catch(abort);
  const http =
    config.http &&
    (await createHttpServer(
      {
        engine: served,
        namespaces: config.namespaces,
        access,
        guardrails,
        authenticator,
        log: calls,
        meter: metrics.calls('http'),
        metrics,
      },
      { ...config.http, certificates },
    ).catch(async (error: unknown) => {
      await grpc.close();
      return abort(error);
    }));
  const setServing = (serving: boolean): void => {
    grpc.setServing(serving);
    http?.setServing(serving);
  };

  async function start(): Promise<void> {
    await reachStore(store, log, closing.signal);
    if (isClosing()) return;
    const replica = { id: randomBytes(6).toString('hex'), address: grpc.address };
    engine = createEngine({
      ...config,
      store,
      replica,
      access,
      guardrails,
      log: engineLog(config, grpc.address, log),
      meter: metrics.engine,
    });
    metrics.observe(engine);
    await engine.ready;
    if (!isClosing()) setServing(true);
  }

  return {
    grpcAddress: grpc.address,
    httpAddress: http?.address,
    ready: start(),
    async close() {
      closing.abort();
      setServing(false);
      await engine?.close();
      access.close();
      guardrails?.close();
      await Promise.all([grpc.close(), http?.close()]);
      identity.close();
      await store.close();
    },
  };
}

function openStore({ store: { scheme, text }, logBounds, leaseMs }: Config): PolicyStore {
  try {
    switch (scheme) {
      case 'memory':
        return createMemoryStore(logBounds);
      case 'sqlite':
        return createSqliteStore(parseSqliteUrl(text), logBounds);
      case 'redis':
      case 'rediss':
      case 'redis+sentinel':
      case 'redis+cluster':
        return createRedisStore(text, logBounds, { pollMs: pollMsFor(leaseMs) });
      case 'postgres':
      case 'postgresql':
        return createPostgresStore(text, logBounds, { pollMs: pollMsFor(leaseMs) });
    }
  } catch (error) {
    if (error instanceof StoreUnusable) throw new BadSettings([`POLICY_STORE (--store): ${error.message}`]);
    throw error;
  }
}

/** A short lease asks more often. */
function pollMsFor(leaseMs: number): number {
  return Math.min(MAX_POLL_MS, leaseMs / 5);
}

/** Tries until the store answers or `signal` aborts, and tells each new reason once. */
async function reachStore(store: PolicyStore, log: Logger, signal: AbortSignal): Promise<void> {
  let told = '';
  while (!signal.aborted) {
    try {
      const warnings = await store.connect();
      if (told !== '') log.info('the store is reached');
      for (const warning of warnings) log.warn(warning);
      return;
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      if (error.message !== told) {
        log.error(`the store cannot be reached: ${error.message}. Trying again every second.`);
        told = error.message;
      }
      await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

function engineLog(config: Config, address: string, log: Logger): EngineLog {
  return createEngineLog({
    log,
    store: config.effective['POLICY_STORE'] ?? '',
    creationSettings: config.creationSettings,
    command: commandsFor(callingOf(config, address)).ctl,
  });
}
