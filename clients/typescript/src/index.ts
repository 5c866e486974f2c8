export { PolicyClient } from './client.js';
export * from './components/index.js';
export { type Capacity, checkCapacity } from './decide/capacity.js';
export { type Decision, type Reason, type ReasonCode } from './decide/decision.js';
export { activeModel, type ModelDecision } from './decide/model.js';
export { createView, NO_POLICY, type PolicyView, staleView, viewOf } from './decide/policy-view.js';
export { type Risk, validateRisk } from './decide/risk.js';
export { approveSignal, type Signal } from './decide/signal.js';
export { authorizeTrade, type Entry, type Reduction, type Trade } from './decide/trade.js';
export { type FieldViolation, PolicyStoreError, type StatusName } from './errors.js';
export { type FleetClient } from './fleet/fleet-client.js';
export { type Fleet, type FleetMember, type MissingMembers, type Receipt } from './fleet/receipt.js';
export { foldPatch } from './fold.js';
export { type FieldChange, type HistoryEntry, type PastPolicy } from './history.js';
export {
  type Entries,
  type EntriesInput,
  type ListInput,
  type PatchInput,
  type PolicyInput,
} from './input.js';
export { type Json, type JsonObject } from './json.js';
export { type ChangeListener, type LiveListeners, type StateListener } from './live/change-listener.js';
export { type LivePolicy } from './live/live-policy.js';
export { type LastKnownGoodStatus, type LiveRejection, type LiveStatus } from './live/live-status.js';
export { nearest } from './names.js';
export {
  type CallOptions,
  type ClientOptions,
  type GetOptions,
  type Held,
  type HistoryOptions,
  type LiveOptions,
  type Moment,
  type OverrideOptions,
  type Pem,
  type ReadyOptions,
  type RollbackOptions,
  type Selection,
  type TlsOptions,
  type WaitFor,
  type WaitOptions,
  type WatchOptions,
  type WriteOptions,
} from './options.js';
export { type AddressOutcome, type OverrideResult } from './override.js';
export { type LimitsInput, type OverrideInput } from './override-input.js';
export { type FieldName, type Policy, type PolicyOf, readPolicy } from './policy.js';
export {
  type Change,
  ChangeKind,
  MemberState,
  type Origin,
  type Override,
  type OverridesChange,
  type PolicyPatch,
  Preset,
  type Recovery,
  RiskMode,
  TradingState,
  View,
} from './proto.js';
export {
  type Current,
  type NotModified,
  type Received,
  type RestoreResult,
  type WriteResult,
} from './results.js';
export { formatVersion, parseVersion, type Version } from './version.js';
export { type Cause, type WatchEvent } from './watch/events.js';
export { type PolicyWatch } from './watch/policy-watch.js';
