import { ServerCredentials } from '@grpc/grpc-js';

import type { Certificates } from '../tls/certificates.js';
import { HANDSHAKE_MS, secureContextOptions } from '../tls/secure-context.js';

/**
 * TLS by certificates that may be replaced while connections are open: those stay, new ones get the new certificate. A
 * client may come without a certificate, since it may have a token, and health checks have neither.
 */
export class TlsCredentials extends ServerCredentials {
  constructor(certificates: Certificates) {
    const requestCert = certificates.current.clientCa !== undefined;
    super(
      { requestCert, rejectUnauthorized: false, handshakeTimeout: HANDSHAKE_MS },
      secureContextOptions(certificates.current),
    );
    certificates.onChange((material) => {
      this.updateSecureContextOptions(secureContextOptions(material));
    });
  }

  _equals(other: ServerCredentials): boolean {
    return other === this;
  }
}
