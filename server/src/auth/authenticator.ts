import type { Identity } from '../engine/types.js';
import { PolicyError } from '../errors.js';
import { CredentialCache } from './credential-cache.js';
import { isJwt, type JwtRules, verifyJwt } from './jwt.js';
import type { KeySource } from './key-source.js';
import { OpenStreams } from './open-streams.js';
import { type Peer, PeerIdentities } from './peer-identities.js';
import { noCredential, unauthenticated, withdrawn } from './refusals.js';
import type { TokenEntry } from './token-file.js';
import { findToken } from './tokens.js';
import type { WatchedFile } from '../watched-file.js';
import type { Certificates } from '../tls/certificates.js';

const MAX_HEADER = 8192;
const BEARER = /^Bearer +([\w.~+/-]+=*)$/i;

/** What a caller shows of itself, whatever it calls over. */
export interface Shown {
  /** The values of its `authorization` header. */
  readonly authorization: readonly unknown[];
  /** Whom it is connected with by TLS, where that one's certificate passed. Asked only where it is needed. */
  readonly peer: () => Peer | undefined;
}

/** How callers may prove who they are. At least one is there. */
export interface Proofs {
  readonly tokens?: WatchedFile<readonly TokenEntry[]> | undefined;
  readonly jwt?: { readonly keys: KeySource; readonly rules: JwtRules } | undefined;
  /** Those with authorities for clients. */
  readonly certificates?: Certificates | undefined;
}

/** Finds out who calls. */
export interface Authenticator {
  /**
   * Who shows this: at once, except for a JWT that was not seen before.
   * @throws PolicyError UNAUTHENTICATED, CREDENTIAL_EXPIRED, KEYS_UNAVAILABLE; a promise rejects with them.
   */
  identify(shown: Shown): Identity | Promise<Identity>;
  /** Who is already known to show this; for the log. */
  known(shown: Shown): Identity | undefined;
  /**
   * Ends a stream, with CREDENTIAL_EXPIRED, when what `identity` was proved by holds no more: within a second or two.
   * The result says that the stream is over.
   */
  hold(shown: Shown, identity: Identity, end: (error: PolicyError) => void): () => void;
  /** Stops holding streams. What `proofs` are watched by is closed by who opened it. */
  close(): void;
}

export function createAuthenticator(proofs: Proofs): Authenticator {
  const { tokens, jwt, certificates } = proofs;
  const ways = waysOf(proofs);
  const cache = new CredentialCache();
  const peers = new PeerIdentities(() => certificates?.current.authorities ?? []);
  const streams = new OpenStreams<Shown>();
  /** Counts the changes of what is accepted: a check that was begun before does not count. */
  let changes = 0;

  function identify(shown: Shown): Identity | Promise<Identity> {
    const { authorization } = shown;
    if (authorization.length === 0) return byCertificate(shown.peer);
    const header = headerOf(authorization);
    // As nearly all write it.
    return cache.get(header) ?? byToken(tokenOf(header));
  }

  function byCertificate(peer: Shown['peer']): Identity {
    const found = certificates === undefined ? undefined : peer();
    const identity = found === undefined ? undefined : peers.identify(found);
    if (identity === undefined) throw noCredential(ways);
    return identity;
  }

  function byToken(token: string): Identity | Promise<Identity> {
    const known = cache.get(bearer(token));
    if (known !== undefined) return known;
    const identity = tokens === undefined ? undefined : findToken(token, tokens.current);
    if (identity !== undefined) {
      cache.set(bearer(token), identity);
      return identity;
    }
    if (jwt !== undefined && isJwt(token)) return byJwt(token, jwt);
    throw unauthenticated(unknownToken(proofs));
  }

  async function byJwt(token: string, { keys, rules }: NonNullable<Proofs['jwt']>): Promise<Identity> {
    for (;;) {
      const before = changes;
      const identity = await verifyJwt(token, keys, rules);
      if (before !== changes) continue;
      cache.set(bearer(token), identity);
      return identity;
    }
  }

  function changed(): void {
    changes += 1;
    cache.clear();
    for (const stream of streams) void checkAgain(stream);
  }

  async function checkAgain(stream: typeof streams extends Iterable<infer S> ? S : never): Promise<void> {
    try {
      const identity = await identify(stream.shown);
      if (identity.name === stream.identity.name) stream.identity = identity;
      else streams.end(stream, withdrawn());
    } catch (error) {
      // Keys that are away say nothing about who was believed.
      if (error instanceof PolicyError && error.reason === 'KEYS_UNAVAILABLE') return;
      streams.end(stream, withdrawn());
    }
  }

  const stopListening = [
    tokens?.onChange(changed),
    jwt?.keys.onChange(changed),
    certificates?.onChange(changed),
  ];
  return {
    identify,
    known: ({ authorization, peer }) => {
      const [header] = authorization;
      if (typeof header === 'string') return cache.get(bearer(BEARER.exec(header)?.[1] ?? ''));
      const connected = certificates && peer();
      return connected && peers.known(connected.connection);
    },
    hold: (shown, identity, end) => streams.add({ shown, identity, end }),
    close() {
      for (const stop of stopListening) stop?.();
      streams.close();
    },
  };
}

/** @throws PolicyError UNAUTHENTICATED unless there is one, of a bearable size. */
function headerOf(authorization: readonly unknown[]): string {
  const [header] = authorization;
  if (authorization.length > 1 || typeof header !== 'string') {
    throw unauthenticated('there must be one authorization header');
  }
  if (header.length > MAX_HEADER) {
    throw unauthenticated(`the authorization header is longer than ${MAX_HEADER} characters`);
  }
  return header;
}

/** @throws PolicyError UNAUTHENTICATED */
function tokenOf(header: string): string {
  const token = BEARER.exec(header)?.[1];
  if (token === undefined) throw unauthenticated('the authorization header must be: Bearer TOKEN');
  return token;
}

/** The one way to write it by which it is remembered, so that a token fills one place and not many. */
function bearer(token: string): string {
  return `Bearer ${token}`;
}

function waysOf({ tokens, jwt, certificates }: Proofs): readonly string[] {
  return [
    tokens && 'send "authorization: Bearer TOKEN", with a token of `policy-server token create`',
    jwt && `send "authorization: Bearer JWT", with a JWT of ${JSON.stringify(jwt.rules.issuer)}`,
    certificates && 'connect with a client certificate by an authority that this server trusts',
  ].filter((way) => way !== undefined);
}

function unknownToken({ tokens, jwt }: Proofs): string {
  if (tokens === undefined && jwt === undefined) {
    return 'this server takes no tokens: send no authorization header, and connect with a client certificate';
  }
  return 'the token is not accepted: it is unknown, cut off, or was withdrawn';
}
