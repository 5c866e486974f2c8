import {
  Change,
  Delivery,
  GetResponse,
  GlobalPolicy,
  Limits,
  type Override,
  type PolicyPatch,
  Preset,
  RiskMode,
  TradingState,
  type Version,
  View,
  WatchResponse,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { type Access, unrestrictedAccess } from '../../server/src/engine/access/access.js';
import { type Clock, systemClock } from '../../server/src/clock.js';
import { apply, copyPolicy, emptyPatch } from '../../server/src/domain/patch/patch.js';
import type { FieldName, JsonObject, Policy } from '../../server/src/domain/policy.js';
import { presetPolicy, presets } from '../../server/src/domain/presets.js';
import type { LoggedChange } from '../../server/src/engine/change.js';
import type { GuardrailSource } from '../../server/src/engine/guard.js';
import type { EngineLog } from '../../server/src/engine/engine-log.js';
import { createEngine } from '../../server/src/engine/engine.js';
import type { OlderStore } from '../../server/src/engine/recovery.js';
import type {
  Engine,
  Expected,
  GetQuery,
  Identity,
  Namespace,
  OverrideAction,
  Watcher,
  WatchOptions,
  WatchSink,
  WriteAction,
  WriteOutcome,
  WriteRequest,
} from '../../server/src/engine/types.js';
import { ERRORS, type ErrorReason, PolicyError } from '../../server/src/errors.js';
import { createMetrics } from '../../server/src/metrics/metrics.js';
import { createMemoryStore } from '../../server/src/store/memory/memory-store.js';
import type { LogBounds, LogEntry, NewEntry, PolicyStore } from '../../server/src/store/store.js';

export const ROOMY: LogBounds = { maxEntries: 100_000, maxBytes: 256 * 1024 * 1024 };

export interface EngineSetup {
  /** Default: a memory store of its own, on the engine's clock. */
  readonly store?: PolicyStore;
  /** Default: the system's. */
  readonly clock?: Clock;
  readonly leaseMs?: number;
  readonly initial?: Policy;
  /** Default: heal. */
  readonly olderStore?: OlderStore;
  /** Default: `replica` and a number of its own. */
  readonly replica?: string;
  readonly expected?: readonly Expected[];
  /** Default: everybody may do everything. */
  readonly access?: Access;
  readonly guardrails?: GuardrailSource;
  /** False: returns before the store was reached. */
  readonly ready?: boolean;
}

/** What the operator was told, as text. */
export type LogLine =
  | { readonly event: 'loaded'; readonly version: string; readonly created: boolean }
  | { readonly event: 'changed'; readonly change: LoggedChange }
  | { readonly event: 'storeLost' | 'unannounced'; readonly error: Error }
  | { readonly event: 'storeBack' }
  | { readonly event: 'reloaded'; readonly from: string; readonly to: string }
  | { readonly event: 'interrupted'; readonly from: string | undefined; readonly to: string }
  | ({ readonly event: 'recovered' } & Recovered)
  | { readonly event: 'overridePending' | 'overrideLost'; readonly override: Override }
  | { readonly event: 'failed'; readonly error: unknown };

type Recovered = Omit<Parameters<EngineLog['recovered']>[0], 'namespace'>;

/** An engine that serves one namespace, with what tests ask of it. */
export interface TestEngine {
  readonly engine: Engine;
  readonly namespace: Namespace;
  readonly store: PolicyStore;
  readonly log: readonly LogLine[];
  /** The decoded answer of a Get from memory. */
  get(view?: View): GetResponse;
  /** The policy of a Get from memory, without what is output only. */
  policy(): Policy;
  version(): Version;
  query(query: Partial<GetQuery>): Promise<GetResponse>;
  patch(patch: Partial<PolicyPatch>, parts?: WriteParts, signal?: AbortSignal): Promise<WriteOutcome>;
  update(policy: Partial<GlobalPolicy>, parts?: WriteParts): Promise<WriteOutcome>;
  reset(preset?: Preset, parts?: WriteParts): Promise<WriteOutcome>;
  /** Without limits: the circuit breaker's. */
  override(
    action?: Partial<Omit<OverrideAction, 'limits'>> & { limits?: Partial<Limits> },
    parts?: WriteParts,
  ): Promise<WriteOutcome>;
  restore(name?: string, parts?: WriteParts): Promise<WriteOutcome>;
  rollback(revision: number, fields?: readonly FieldName[], parts?: WriteParts): Promise<WriteOutcome>;
  write(action: WriteAction, parts?: WriteParts, signal?: AbortSignal): Promise<WriteOutcome>;
  /** `takesMore` is the reader's, from its first message on. */
  watch(options?: Partial<WatchOptions>, takesMore?: Reader['takesMore']): Reader;
  close(): Promise<void>;
}

export type WriteParts = Partial<Omit<WriteRequest, 'action' | 'actor'>> & { readonly actor?: string };

/** Who asks where a test says nobody. */
export const OPERATOR: Identity = { name: 'tester', verified: true };

let replicas = 0;

export async function startEngine(setup: EngineSetup = {}): Promise<TestEngine> {
  const { clock = systemClock, leaseMs = 10_000, initial = presetPolicy('default'), ready = true } = setup;
  const {
    olderStore = 'heal',
    replica = `replica-${String(++replicas)}`,
    expected = [],
    access = unrestrictedAccess,
  } = setup;
  const store = setup.store ?? createMemoryStore(ROOMY, clock);
  const log: LogLine[] = [];
  const engine = createEngine({
    namespaces: ['default'],
    store,
    clock,
    leaseMs,
    initial,
    defaults: presets.default,
    olderStore,
    replica: { id: replica, address: `${replica}:50051` },
    expected,
    access,
    guardrails: setup.guardrails,
    log: recordInto(log),
    meter: createMetrics({ namespaces: ['default'], clock }).engine,
  });
  if (ready) await engine.ready;
  const namespace = engine.namespace('default', OPERATOR, 'read');
  const readers: Reader[] = [];

  function write(action: WriteAction, parts: WriteParts = {}, signal?: AbortSignal): Promise<WriteOutcome> {
    const { actor = 'tester', ...rest } = parts;
    const request = {
      requestId: '',
      reason: '',
      validateOnly: false,
      ...rest,
      actor: { name: actor, verified: true },
      action,
    };
    return namespace.write(request, signal);
  }
  const get = (view: View = View.EFFECTIVE): GetResponse => GetResponse.decode(namespace.current(view));

  return {
    engine,
    namespace,
    store,
    log,
    get,
    policy: () => policyOf(get().policy),
    version: () => get().version!,
    query: async (query) =>
      GetResponse.decode(await namespace.get({ view: View.EFFECTIVE, fresh: false, ...query })),
    patch: (patch, parts, signal) =>
      write({ kind: 'patch', patch: { ...emptyPatch(), ...patch } }, parts, signal),
    update: (policy, parts) =>
      write({ kind: 'update', policy: { ...GlobalPolicy.create(), ...policy } }, parts),
    reset: (preset = Preset.UNSPECIFIED, parts = {}) => write({ kind: 'reset', preset }, parts),
    override({ name = '', limits, ttlMs } = {}, parts = {}) {
      const whole = limits && { ...Limits.create(), ...limits };
      return write({ kind: 'override', name, limits: whole, ttlMs }, { reason: 'test', ...parts });
    },
    restore: (name = '', parts = {}) => write({ kind: 'restore', name }, parts),
    rollback: (revision, fields = [], parts = {}) =>
      write({ kind: 'rollback', to: { revision, epoch: '' }, fields }, parts),
    write,
    watch(options = {}, takesMore = () => true) {
      const reader = new Reader();
      reader.takesMore = takesMore;
      readers.push(reader);
      reader.watcher = namespace.watch(
        { delivery: Delivery.PATCHES, fields: [], heartbeatMs: 5000, identity: OPERATOR, ...options },
        reader,
      );
      return reader;
    },
    async close() {
      await engine.close();
      for (const { faults } of readers) expect(faults, 'what the hub did to a reader').to.deep.equal([]);
    },
  };
}

/** Starts engines and closes them after each test of the current suite. */
export function useEngines(): typeof startEngine {
  const started: TestEngine[] = [];
  afterEach(async () => {
    for (const engine of started.splice(0).reverse()) await engine.close();
  });
  return async (setup) => {
    const engine = await startEngine(setup);
    started.push(engine);
    return engine;
  };
}

/** A reader of a watch: keeps what it got, and stops taking messages when told to. */
export class Reader implements WatchSink {
  readonly messages: WatchResponse[] = [];
  /** What must never happen to a sink. */
  readonly faults: string[] = [];
  error: Error | undefined;
  watcher: Watcher | undefined;
  /** Whether the reader can take another message after the one that it just got. */
  takesMore: (message: WatchResponse) => boolean = () => true;
  #blocked = false;
  #left = false;

  write(message: Buffer): boolean {
    if (this.#blocked) this.faults.push('a message although the sink was full');
    if (this.#left) this.faults.push('a message after the reader had gone');
    if (this.error) this.faults.push('a message after the end');
    const decoded = WatchResponse.decode(message);
    this.messages.push(decoded);
    this.#blocked = !this.takesMore(decoded);
    return !this.#blocked;
  }

  end(error: Error): void {
    if (this.error ?? this.#left) this.faults.push('ended twice');
    this.error = error;
  }

  get blocked(): boolean {
    return this.#blocked;
  }

  /** Takes the next message, and none after it. */
  stop(): void {
    this.takesMore = () => false;
  }

  /** Can take messages again. */
  wake(): void {
    this.takesMore = () => true;
    this.resume();
  }

  /** Can take one message, and then as many as `takesMore` says. */
  resume(): void {
    this.#blocked = false;
    this.watcher?.resume();
  }

  leave(): void {
    this.#left = true;
    this.watcher?.close();
  }

  /** What the messages are, for whole-history assertions: kind, revision, previous and resync. */
  get story(): string[] {
    return this.messages.map(({ event, version, previous, resync }) => {
      const kind = event?.$case ?? 'heartbeat';
      return `${kind} ${previous}->${version?.revision ?? '?'}${resync ? ' resync' : ''}`;
    });
  }
}

/** The ten fields of an encoded policy. Fails where one that is always present is missing. */
export function policyOf(policy: GlobalPolicy | undefined): Policy {
  const { maxRiskPerTrade, maxPositions, globalMinConfidence, systemHealth, customParams, ...rest } = policy!;
  return {
    riskMode: rest.riskMode,
    allowedStrategies: rest.allowedStrategies,
    allowedSymbols: rest.allowedSymbols,
    maxRiskPerTrade: maxRiskPerTrade!,
    maxPositions: maxPositions!,
    globalMinConfidence: globalMinConfidence!,
    oppRankings: rest.oppRankings,
    modelVersions: rest.modelVersions,
    systemHealth: systemHealth as JsonObject,
    customParams: customParams as JsonObject,
  };
}

/** The policy as the payload of an Update. */
export function asUpdate(policy: Policy): Extract<WriteAction, { kind: 'update' }> {
  const outputOnly = { lastUpdated: undefined, tradingState: TradingState.UNSPECIFIED, overrides: [] };
  return { kind: 'update', policy: { ...policy, ...outputOnly } };
}

/** A policy before its namespace was created: what the first entry of a log applies to. */
export function nothing(): Policy {
  return {
    riskMode: RiskMode.UNSPECIFIED,
    allowedStrategies: [],
    allowedSymbols: [],
    maxRiskPerTrade: 0,
    maxPositions: 0,
    globalMinConfidence: -1,
    oppRankings: new Map(),
    modelVersions: new Map(),
    systemHealth: {},
    customParams: {},
  };
}

/** The policy at every revision, folded from the patches of a log that begins at its first entry. */
export function foldLog(patches: Iterable<PolicyPatch>): Policy[] {
  const policy = nothing();
  const history = [copyPolicy(policy)];
  for (const patch of patches) {
    apply(policy, patch);
    history.push(copyPolicy(policy));
  }
  return history;
}

/** The patches of entries, in order. */
export function patchesOf(entries: Iterable<Pick<NewEntry, 'body'>>): PolicyPatch[] {
  return Array.from(entries, ({ body }) => Change.decode(body).patch!);
}

/** Every entry of the log. Fails where it does not begin at the first one. */
export async function wholeLog(store: PolicyStore): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for (;;) {
    const page = await store.changes('default', { from: entries.length + 1, to: Number.MAX_SAFE_INTEGER });
    if (!Array.isArray(page)) expect.fail('the log was trimmed');
    if (page.length === 0) return entries;
    entries.push(...page);
  }
}

/** Expects a refusal, and gives it. */
export async function refusal(outcome: Promise<unknown>, reason: ErrorReason): Promise<PolicyError> {
  try {
    await outcome;
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    expect(error.reason, error.message).to.equal(reason);
    return error;
  }
  expect.fail(`expected ${reason} (${String(ERRORS[reason].grpc)}), got an outcome`);
}

function recordInto(log: LogLine[]): EngineLog {
  return {
    loaded: ({ version, created }) => log.push({ event: 'loaded', version, created }),
    changed: ({ change }) => log.push({ event: 'changed', change }),
    storeLost: ({ error }) => log.push({ event: 'storeLost', error }),
    storeBack: () => log.push({ event: 'storeBack' }),
    reloaded: ({ from, to }) => log.push({ event: 'reloaded', from, to }),
    interrupted: ({ from, to }) => log.push({ event: 'interrupted', from, to }),
    recovered: ({ namespace: _, ...event }) => log.push({ event: 'recovered', ...event }),
    overridePending: ({ override }) => log.push({ event: 'overridePending', override }),
    overrideLost: ({ override }) => log.push({ event: 'overrideLost', override }),
    unannounced: ({ error }) => log.push({ event: 'unannounced', error }),
    failed: ({ error }) => log.push({ event: 'failed', error }),
  };
}
