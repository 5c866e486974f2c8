export { type Current, type NotModified, PolicyClient, type WriteResult } from './client.js';
export { type FieldViolation, PolicyStoreError, type StatusName } from './errors.js';
export { foldPatch } from './fold.js';
export {
  type Entries,
  type EntriesInput,
  type ListInput,
  type PatchInput,
  type PolicyInput,
} from './input.js';
export { type Json, type JsonObject } from './json.js';
export {
  type CallOptions,
  type ClientOptions,
  type GetOptions,
  type Held,
  type WatchOptions,
  type WriteOptions,
} from './options.js';
export { type FieldName, type Policy, type PolicyOf, readPolicy } from './policy.js';
export {
  ChangeKind,
  type Override,
  type PolicyPatch,
  Preset,
  RiskMode,
  TradingState,
  View,
} from './proto.js';
export { formatVersion, parseVersion, type Version } from './version.js';
export { type Cause, type WatchEvent } from './watch/events.js';
export { type PolicyWatch } from './watch/policy-watch.js';
