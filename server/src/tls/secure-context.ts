import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';

import type { Material } from './certificates.js';

/** A peer that does not finish its handshake by then is cut off. */
export const HANDSHAKE_MS = 10_000;

/** Sessions are not resumed: a resumed one would come without the certificates between the client's and its authority. */
export function secureContextOptions({ cert, key, clientCa }: Material): SecureContextOptions {
  return { cert, key, secureOptions: constants.SSL_OP_NO_TICKET, ...(clientCa && { ca: clientCa }) };
}
