import type { Override } from '@policystore/client/proto';

import type { Policy } from '../domain/policy.js';
import type { LoggedChange } from './change.js';

/** What the engine tells the operator. */
export interface EngineLog {
  /** A namespace is served from now on. */
  loaded(event: { namespace: string; version: string; created: boolean; policy: Policy }): void;
  /** A change that this replica holds from now on, whoever committed it. */
  changed(event: { namespace: string; change: LoggedChange; policy: Policy }): void;
  /** The store cannot be reached or used; trying goes on. Told once until it is back, and again if the cause changes. */
  storeLost(event: { namespace: string; error: Error }): void;
  storeBack(event: { namespace: string }): void;
  /** Changes were missed that the log no longer holds; watchers get a resync. */
  reloaded(event: { namespace: string; from: string; to: string }): void;
  /** The store may have lost changes, and this replica knew none of them: what it holds is served, in a new epoch. */
  interrupted(event: { namespace: string; from: string | undefined; to: string }): void;
  /** The store came back without changes that this replica held. */
  recovered(event: {
    namespace: string;
    /** What the store came back with. Undefined: nothing. */
    store: string | undefined;
    /** The newest version that this replica held. */
    held: string;
    /** The version that holds from now on. */
    version: string;
    /** Whether the changes that the store lacked were put back. */
    putBack: boolean;
    /** Those that were put back, or that were not. */
    changes: readonly LoggedChange[];
    /** Trading is reduced until an operator restores the override of this name. */
    halted: string | undefined;
    /** How often the store came back older since this server started. */
    count: number;
  }): void;
  /** An override is in force on this replica alone, for the store cannot be reached. */
  overridePending(event: { namespace: string; override: Override }): void;
  /** The server stops while an override is pending: it is in force nowhere from now on. */
  overrideLost(event: { namespace: string; override: Override }): void;
  /** Other replicas no longer hear of this one, and take its watchers for lost. Told once until they do. */
  unannounced(event: { namespace: string; error: Error }): void;
  /** Something that must not happen. */
  failed(event: { namespace: string; error: unknown }): void;
}
