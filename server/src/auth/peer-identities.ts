import type { X509Certificate } from 'node:crypto';

import type { Identity } from '../engine/types.js';
import { isIssuedBy } from '../tls/trust.js';
import { nameProblem } from './identity-name.js';
import { expired, unauthenticated } from './refusals.js';

/** The other end of a TLS connection whose certificate passed the handshake. */
export interface Peer {
  /** The same for all calls of one connection, and for no others. */
  readonly connection: object;
  /** Its own certificate, with those that it sent for its issuers: reading it costs more than the rest of a call. */
  readonly certificate: () => X509Certificate | undefined;
}

/** An identity, under the authorities that vouched for it. */
interface Found {
  readonly identity: Identity;
  readonly under: readonly X509Certificate[];
}

/** Who the certificates of connections name. Found out once for each, and anew when the authorities change. */
export class PeerIdentities {
  readonly #authorities: () => readonly X509Certificate[];
  readonly #found = new WeakMap<object, Found>();

  constructor(authorities: () => readonly X509Certificate[]) {
    this.#authorities = authorities;
  }

  /**
   * Undefined: nobody that is trusted now vouches for it.
   * @throws PolicyError UNAUTHENTICATED where it names no identity, CREDENTIAL_EXPIRED.
   */
  identify({ connection, certificate }: Peer): Identity | undefined {
    const identity = this.known(connection) ?? this.#find(connection, certificate());
    if (identity?.expiresAt !== undefined && identity.expiresAt <= Date.now()) throw expired();
    return identity;
  }

  /** Who it was found to be. It may have expired since. */
  known(connection: object): Identity | undefined {
    const found = this.#found.get(connection);
    return found?.under === this.#authorities() ? found.identity : undefined;
  }

  #find(connection: object, certificate: X509Certificate | undefined): Identity | undefined {
    const under = this.#authorities();
    if (certificate === undefined || !isIssuedBy(certificate, under)) return undefined;
    const expiresAt = Date.parse(certificate.validTo);
    const identity = { name: nameIn(certificate), verified: true, expiresAt };
    this.#found.set(connection, { identity, under });
    return identity;
  }
}

/**
 * The URI of the certificate, or else its common name. More than one would leave open which it is.
 * @throws PolicyError UNAUTHENTICATED
 */
function nameIn(certificate: X509Certificate): string {
  const uris = urisOf(certificate.subjectAltName);
  const { CN = [] } = certificate.toLegacyObject().subject as { readonly CN?: string | readonly string[] };
  const names = uris.length > 0 ? uris : [CN].flat();
  const [name = ''] = names;
  if (names.length > 1) throw unfit('has several names; it must have one URI, or else one common name (CN)');
  if (name === '') throw unfit('names no identity; it must have a URI or a common name (CN)');
  const problem = nameProblem(name);
  if (problem !== undefined) throw unfit(`does not name an identity: the name ${problem}`);
  return name;
}

/** Node quotes an entry, as JSON does, where it could be taken for several. */
function urisOf(subjectAltName = ''): readonly string[] {
  const entries = subjectAltName.match(/(?:"(?:[^"\\]|\\.)*"|[^",])+/g) ?? [];
  return entries
    .map((entry) => entry.trim())
    .filter((entry) => entry.startsWith('URI:'))
    .map((entry) => entry.slice('URI:'.length))
    .map((uri) => (uri.startsWith('"') ? (JSON.parse(uri) as string) : uri));
}

function unfit(why: string): ReturnType<typeof unauthenticated> {
  return unauthenticated(`the client certificate ${why}`);
}
