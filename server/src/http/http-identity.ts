import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';

import type { Authenticator, Shown } from '../auth/authenticator.js';
import type { Peer } from '../auth/peer-identities.js';
import type { Identity } from '../engine/types.js';
import type { PolicyError } from '../errors.js';
import { ANONYMOUS, CLIENT_KEY, claimedIdentity, claimedName } from '../requests/claimed-identity.js';
import { headerValues } from './request-headers.js';

/** Finds out who makes a request. */
export interface HttpIdentifier {
  /** At once where it is known. @throws PolicyError where it must be proved and is not; a promise rejects with it. */
  identify(incoming: IncomingMessage): Identity | Promise<Identity>;
  /** The name for the log. */
  nameOf(incoming: IncomingMessage): string;
  /** Ends a stream when the proof of its identity holds no more. The result says that the stream is over. */
  hold(incoming: IncomingMessage, identity: Identity, end: (error: PolicyError) => void): () => void;
}

/** @param authenticator Undefined: callers are whom they say they are. */
export function createHttpIdentifier(authenticator: Authenticator | undefined): HttpIdentifier {
  if (authenticator === undefined) {
    return {
      identify: (incoming) => claimedIdentity(headerValues(incoming, CLIENT_KEY)),
      nameOf: (incoming) => claimedName(headerValues(incoming, CLIENT_KEY)),
      hold: () => () => undefined,
    };
  }
  return {
    identify: (incoming) => authenticator.identify(shownBy(incoming)),
    nameOf: (incoming) => authenticator.known(shownBy(incoming))?.name ?? ANONYMOUS.name,
    hold: (incoming, identity, end) => authenticator.hold(shownBy(incoming), identity, end),
  };
}

function shownBy(incoming: IncomingMessage): Shown {
  return { authorization: headerValues(incoming, 'authorization'), peer: () => peerOf(incoming) };
}

function peerOf({ socket }: IncomingMessage): Peer | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  return { connection: socket, certificate: () => socket.getPeerX509Certificate() };
}
