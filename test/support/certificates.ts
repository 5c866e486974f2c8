import 'reflect-metadata';

import { randomBytes, webcrypto } from 'node:crypto';

import * as x509 from '@peculiar/x509';

import { keepSecret } from './secrets.js';

type KeyPair = webcrypto.CryptoKeyPair;

x509.cryptoProvider.set(webcrypto);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

/** A certificate and its private key, as PEM. */
export interface Pem {
  readonly cert: string;
  readonly key: string;
}

export interface Subject {
  /** The common name. Absent: none. */
  readonly cn?: string;
  readonly uris?: readonly string[];
  readonly dns?: readonly string[];
  /** From when on it is valid. Default: a day ago. */
  readonly from?: Date;
  /** Until when it is valid. Default: tomorrow. */
  readonly until?: Date;
}

/** Issues certificates. */
export interface Authority extends Pem {
  /** A certificate for the address 127.0.0.1 and the name localhost, and for what `subject` says. */
  issue(subject: Subject): Promise<Pem>;
  /** Another authority, that this one vouches for. */
  subordinate(cn: string): Promise<Authority>;
}

export async function createAuthority(cn = 'test authority'): Promise<Authority> {
  const keys = await generateKeys();
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${cn}`,
    keys,
    ...lifetime({}),
    extensions: AUTHORITY,
  });
  return authority(cert, keys);
}

const AUTHORITY = [
  new x509.BasicConstraintsExtension(true, undefined, true),
  new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
];

async function authority(issuer: x509.X509Certificate, keys: KeyPair): Promise<Authority> {
  const sign = async (subject: Subject, extensions: x509.Extension[]) => {
    const own = await generateKeys();
    const cert = await x509.X509CertificateGenerator.create({
      serialNumber: randomBytes(8).toString('hex'),
      subject: subject.cn === undefined ? '' : `CN=${subject.cn}`,
      issuer: issuer.subject,
      publicKey: own.publicKey,
      signingKey: keys.privateKey,
      ...lifetime(subject),
      extensions,
    });
    return { cert, keys: own };
  };
  return {
    ...(await pem(issuer, keys)),
    async issue(subject) {
      const names = [
        { type: 'ip', value: '127.0.0.1' },
        ...['localhost', ...(subject.dns ?? [])].map((value) => ({ type: 'dns', value })),
        ...(subject.uris ?? []).map((value) => ({ type: 'url', value })),
      ] as x509.JsonGeneralNames;
      const made = await sign(subject, [
        new x509.SubjectAlternativeNameExtension(names),
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
      ]);
      return pem(made.cert, made.keys);
    },
    async subordinate(cn) {
      const made = await sign({ cn }, AUTHORITY);
      return authority(made.cert, made.keys);
    },
  };
}

function generateKeys(): Promise<KeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

function lifetime({ from, until }: Pick<Subject, 'from' | 'until'>) {
  return {
    notBefore: from ?? new Date(Date.now() - DAY_MS),
    notAfter: until ?? new Date(Date.now() + DAY_MS),
    signingAlgorithm: ALGORITHM,
  };
}

async function pem(cert: x509.X509Certificate, { privateKey }: KeyPair): Promise<Pem> {
  const der = await webcrypto.subtle.exportKey('pkcs8', privateKey);
  const key = x509.PemConverter.encode(der, 'PRIVATE KEY');
  // A whole line of the key itself, which a log would show as such.
  keepSecret(key.split('\n')[2] ?? '');
  return { cert: cert.toString('pem'), key };
}
