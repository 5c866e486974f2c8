import type { X509Certificate } from 'node:crypto';

/** Longer chains are refused: no peer makes the server walk for long. */
const MAX_DEPTH = 8;

/**
 * Whether one of `authorities` vouches for a certificate, directly or through the ones that its owner sent with it. For
 * who passed the handshake under other authorities: it only ever narrows what the handshake found, dates included.
 */
export function isIssuedBy(leaf: X509Certificate, authorities: readonly X509Certificate[]): boolean {
  let certificate = leaf;
  for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
    const current = certificate;
    if (authorities.some((authority) => vouches(authority, current))) return true;
    const issuer: X509Certificate | undefined = current.issuerCertificate;
    if (issuer === undefined || !vouches(issuer, current)) return false;
    certificate = issuer;
  }
  return false;
}

function vouches(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}
