/** The generated messages and service stubs of package `quantumtrader.policy.v1`. */
import './struct.js';

export {
  Change,
  ChangeKind,
  GlobalPolicy,
  Limits,
  ListPatch,
  ModelsPatch,
  Origin,
  Override,
  OverridesChange,
  PolicyPatch,
  RankingsPatch,
  Recovery,
  RiskMode,
  TradingState,
  Version,
} from './gen/quantumtrader/policy/v1/policy.js';
export {
  Cause,
  Delivery,
  Freshness,
  GetRequest,
  GetResponse,
  ListNamespacesRequest,
  ListNamespacesResponse,
  OverrideRequest,
  OverrideResponse,
  PatchRequest,
  PatchResponse,
  PolicyServiceClient,
  type PolicyServiceServer,
  PolicyServiceService,
  Preset,
  ResetRequest,
  ResetResponse,
  RestoreRequest,
  RestoreResponse,
  RollbackRequest,
  RollbackResponse,
  UpdateRequest,
  UpdateResponse,
  View,
  WatchRequest,
  WatchResponse,
  WatcherInfo,
} from './gen/quantumtrader/policy/v1/policy_service.js';
export {
  FieldChange,
  GetRevisionRequest,
  GetRevisionResponse,
  HistoryEntry,
  HistoryServiceClient,
  type HistoryServiceServer,
  HistoryServiceService,
  ListChangesRequest,
  ListChangesResponse,
} from './gen/quantumtrader/policy/v1/history_service.js';
export {
  AcknowledgeEachRequest,
  AcknowledgeEachResponse,
  AcknowledgeRequest,
  AcknowledgeResponse,
  FleetServiceClient,
  type FleetServiceServer,
  FleetServiceService,
  FleetSummary,
  ListWatchersRequest,
  ListWatchersResponse,
  Member,
  MemberState,
  Missing,
  Rejection,
  Selector,
  WaitAppliedRequest,
  WaitAppliedResponse,
} from './gen/quantumtrader/policy/v1/fleet_service.js';
export { Any } from './gen/google/protobuf/any.js';
export { Duration } from './gen/google/protobuf/duration.js';
export { ListValue, NullValue, Struct, Value } from './gen/google/protobuf/struct.js';
export { Timestamp } from './gen/google/protobuf/timestamp.js';
export { BadRequest, ErrorInfo, RetryInfo } from './gen/google/rpc/error_details.js';
export { Status } from './gen/google/rpc/status.js';
