import { BinaryReader } from '@bufbuild/protobuf/wire';
import {
  AcknowledgeEachRequest,
  AcknowledgeRequest,
  FleetServiceService,
  GetRequest,
  GetRevisionRequest,
  HistoryServiceService,
  ListChangesRequest,
  ListNamespacesRequest,
  ListWatchersRequest,
  OverrideRequest,
  PatchRequest,
  PolicyServiceService,
  ResetRequest,
  RestoreRequest,
  RollbackRequest,
  UpdateRequest,
  WaitAppliedRequest,
  WatchRequest,
} from '@policystore/client/proto';

import { invalid, PolicyError } from '../errors.js';
import { findExcess, SMALL_REQUEST } from './request-limits.js';

/** Stands for a request that could not be decoded: grpc-js would answer INTERNAL and say nothing. */
export class Unreadable {
  readonly error: PolicyError;
  constructor(error: PolicyError) {
    this.error = error;
  }
}

const { get, update, patch, reset, rollback, override, restore, watch, listNamespaces } =
  PolicyServiceService;
const { listChanges, getRevision } = HistoryServiceService;
const { acknowledge, acknowledgeEach, listWatchers, waitApplied } = FleetServiceService;

/**
 * The service's methods with two changes: a request that cannot be decoded becomes an Unreadable, and the
 * answers of Get and Watch are bytes already.
 */
export const policyServiceMethods = {
  get: { ...get, requestDeserialize: reader(GetRequest), responseSerialize: asTheyAre },
  update: { ...update, requestDeserialize: reader(UpdateRequest, 'policy') },
  patch: { ...patch, requestDeserialize: reader(PatchRequest, 'patch') },
  reset: { ...reset, requestDeserialize: reader(ResetRequest) },
  rollback: { ...rollback, requestDeserialize: reader(RollbackRequest) },
  override: { ...override, requestDeserialize: reader(OverrideRequest) },
  restore: { ...restore, requestDeserialize: reader(RestoreRequest) },
  watch: { ...watch, requestDeserialize: reader(WatchRequest), responseSerialize: asTheyAre },
  listNamespaces: { ...listNamespaces, requestDeserialize: reader(ListNamespacesRequest) },
};

/** As `policyServiceMethods`. */
export const historyServiceMethods = {
  listChanges: { ...listChanges, requestDeserialize: reader(ListChangesRequest) },
  getRevision: { ...getRevision, requestDeserialize: reader(GetRevisionRequest) },
};

/** As `policyServiceMethods`. */
export const fleetServiceMethods = {
  acknowledge: { ...acknowledge, requestDeserialize: reader(AcknowledgeRequest) },
  acknowledgeEach: { ...acknowledgeEach, requestDeserialize: reader(AcknowledgeEachRequest) },
  listWatchers: { ...listWatchers, requestDeserialize: reader(ListWatchersRequest) },
  waitApplied: { ...waitApplied, requestDeserialize: reader(WaitAppliedRequest) },
};

function asTheyAre(bytes: Buffer): Buffer {
  return bytes;
}

function reader<Request>(
  type: { readonly decode: (input: BinaryReader) => Request },
  payload?: 'policy' | 'patch',
): (bytes: Buffer) => Request | Unreadable {
  return (bytes) => {
    try {
      if (bytes.length > SMALL_REQUEST) refuseExcess(bytes, payload);
      return type.decode(new BinaryReader(bytes, decodeText));
    } catch (error) {
      return new Unreadable(asPolicyError(error));
    }
  };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The reader's own decoder would put replacement characters into names. */
function decodeText(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}

function refuseExcess(bytes: Buffer, payload: 'policy' | 'patch' | undefined): void {
  if (payload === undefined) {
    throw new PolicyError(
      'MALFORMED_REQUEST',
      `the request takes ${bytes.length} bytes; at most ${SMALL_REQUEST}`,
    );
  }
  const excess = findExcess(bytes, payload);
  if (excess !== undefined) throw invalid([excess]);
}

function asPolicyError(error: unknown): PolicyError {
  if (error instanceof PolicyError) return error;
  const message = String(error).includes('MAX_SAFE_INTEGER')
    ? 'a number in the request is above 2^53 - 1: no revision, and no time, is that large'
    : `the bytes are not the message that this method takes: ${String(error)}`;
  return new PolicyError('MALFORMED_REQUEST', message, { cause: error });
}
