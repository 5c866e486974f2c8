import { X509Certificate } from 'node:crypto';
import type { ServerHttp2Session } from 'node:http2';
import { TLSSocket } from 'node:tls';

import type { Metadata, ServerUnaryCall } from '@grpc/grpc-js';

import type { Authenticator, Shown } from '../auth/authenticator.js';
import type { Peer } from '../auth/peer-identities.js';
import type { Identity } from '../engine/types.js';
import type { PolicyError } from '../errors.js';
import { ANONYMOUS, CLIENT_KEY, claimedIdentity, claimedName } from '../requests/claimed-identity.js';

/** What there is to know of who makes a call. */
export interface Caller extends Pick<ServerUnaryCall<unknown, unknown>, 'getAuthContext'> {
  readonly metadata: Metadata;
}

/** Finds out who makes a call. */
export interface Identifier {
  /** At once where it is known. @throws PolicyError where it must be proved and is not; a promise rejects with it. */
  identify(call: Caller): Identity | Promise<Identity>;
  /** The name for the log. */
  nameOf(call: Caller): string;
  /** Ends a stream when the proof of its identity holds no more. The result says that the stream is over. */
  hold(call: Caller, identity: Identity, end: (error: PolicyError) => void): () => void;
}

/** Callers are whom they say they are. The transport drops names that are not printable ASCII; such a caller is anonymous. */
export const unverified: Identifier = {
  identify: ({ metadata }) => claimedIdentity(metadata.get(CLIENT_KEY)),
  nameOf: ({ metadata }) => claimedName(metadata.get(CLIENT_KEY)),
  hold: () => () => undefined,
};

/** Callers have to prove who they are. */
export function createIdentifier(authenticator: Authenticator): Identifier {
  return {
    identify: (call) => authenticator.identify(shownBy(call)),
    nameOf: (call) => authenticator.known(shownBy(call))?.name ?? ANONYMOUS.name,
    hold: (call, identity, end) => authenticator.hold(shownBy(call), identity, end),
  };
}

function shownBy(call: Caller): Shown {
  return { authorization: call.metadata.get('authorization'), peer: () => peerOf(call) };
}

/**
 * grpc-js tells the certificate of the peer, but neither those that the peer sent with it nor which connection it is, so
 * that they are taken from inside its call. Where a later version has them elsewhere, each call is checked on its own, by
 * the certificate of the peer alone.
 */
function peerOf(call: Caller): Peer | undefined {
  const { call: inner } = call as {
    readonly call?: { readonly stream?: { readonly session?: ServerHttp2Session } };
  };
  const session = inner?.stream?.session;
  if (session !== undefined) {
    // Of a connection that is gone, whatever is asked throws.
    const socket = session.destroyed ? undefined : session.socket;
    if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
    return { connection: session, certificate: () => socket.getPeerX509Certificate() };
  }
  const { sslPeerCertificate } = call.getAuthContext();
  return (
    sslPeerCertificate && {
      connection: {},
      certificate: () => new X509Certificate(sslPeerCertificate.raw),
    }
  );
}
