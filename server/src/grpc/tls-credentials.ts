import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';

import { ServerCredentials } from '@grpc/grpc-js';

import type { Certificates, Material } from '../tls/certificates.js';

/** A peer that does not finish its handshake by then is cut off. */
const HANDSHAKE_MS = 10_000;

/**
 * TLS by certificates that may be replaced while connections are open: those stay, new ones get the new certificate. A
 * client may come without a certificate, since it may have a token, and health checks have neither.
 */
export class TlsCredentials extends ServerCredentials {
  constructor(certificates: Certificates) {
    const requestCert = certificates.current.clientCa !== undefined;
    super(
      { requestCert, rejectUnauthorized: false, handshakeTimeout: HANDSHAKE_MS },
      contextOf(certificates.current),
    );
    certificates.onChange((material) => {
      this.updateSecureContextOptions(contextOf(material));
    });
  }

  _equals(other: ServerCredentials): boolean {
    return other === this;
  }
}

/** Sessions are not resumed: a resumed one would come without the certificates between the client's and its authority. */
function contextOf({ cert, key, clientCa }: Material): SecureContextOptions {
  return { cert, key, secureOptions: constants.SSL_OP_NO_TICKET, ...(clientCa && { ca: clientCa }) };
}
