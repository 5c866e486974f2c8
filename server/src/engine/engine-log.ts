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
  /** Something that must not happen. */
  failed(event: { namespace: string; error: unknown }): void;
}
