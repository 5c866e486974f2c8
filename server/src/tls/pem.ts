import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * The certificates of a PEM file, in its order.
 * @throws Error that says how to mend the file, and shows nothing of it.
 */
export function parseCertificates(pem: Buffer, path: string): readonly X509Certificate[] {
  const blocks = pem.toString('latin1').match(CERTIFICATE) ?? [];
  if (blocks.length === 0) {
    throw new Error(`${path} holds no certificate; it must be PEM, with -----BEGIN CERTIFICATE-----`);
  }
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw new Error(`${path}: certificate ${index + 1} is damaged`, { cause });
    }
  });
}

/** @throws Error as `parseCertificates`, also where one of them may not issue certificates. */
export function parseAuthorities(pem: Buffer, path: string): readonly X509Certificate[] {
  const authorities = parseCertificates(pem, path);
  const unfit = authorities.findIndex(({ ca }) => !ca);
  if (unfit >= 0) {
    throw new Error(
      `${path}: certificate ${unfit + 1} is no certificate of an authority (CA:TRUE); ` +
        'give the one that issued the certificates of the clients',
    );
  }
  return authorities;
}

/** @throws Error as `parseCertificates`. */
export function parseKey(pem: Buffer, path: string): KeyObject {
  const text = pem.toString('latin1');
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(text)) {
    throw new Error(`${path} is encrypted; give the key without a passphrase, readable by the server alone`);
  }
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new Error(`${path} holds no private key; it must be PEM, with -----BEGIN PRIVATE KEY-----`, {
      cause,
    });
  }
}
