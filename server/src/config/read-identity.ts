import { JWT_ALGORITHMS, type JwtAlgorithm, type JwtRules } from '../auth/jwt.js';
import { isToken } from '../auth/token.js';
import type { CertificatePaths } from '../tls/certificates.js';
import type { Read } from './read.js';
import type { SettingName } from './settings.js';
import { BadValue, isLoopback } from './values.js';

/** How callers prove who they are. Nothing given: they are whom they say they are. */
export interface AuthSettings {
  readonly tokensPath: string | undefined;
  /** The keys are in a file or at a URL. */
  readonly jwt: { readonly keys: string | URL; readonly rules: JwtRules } | undefined;
  /** By client certificates. */
  readonly certificates: boolean;
}

/** @returns undefined: nothing is encrypted, or something is missing, which is then on the list of problems. */
export function readTls(read: Read): CertificatePaths | undefined {
  const cert = read('tlsCert', optional);
  const key = read('tlsKey', parseKeyPath);
  const clientCa = read('tlsClientCa', optional);
  if (cert ?? clientCa) require(read, 'tlsKey', 'is missing: TLS needs the key of the certificate');
  if (key ?? clientCa) require(read, 'tlsCert', 'is missing: TLS needs a certificate');
  return cert && key ? { cert, key, clientCa } : undefined;
}

export function readAuth(read: Read, tls: CertificatePaths | undefined): AuthSettings {
  const tokensPath = read('tokens', parseTokensPath);
  const keys = read('jwks', parseKeyPlace);
  const issuer = read('jwtIssuer', optional);
  const audience = read('jwtAudience', optional);
  const algorithms = read('jwtAlgorithms', parseAlgorithms) ?? [];
  if (keys) require(read, 'jwtIssuer', 'is missing: without it a JWT that somebody else was given would do');
  if (keys) require(read, 'jwtAudience', 'is missing: without it a JWT made for another service would do');
  if (issuer ?? audience) require(read, 'jwks', 'is missing: nothing says which keys check JWTs');
  const jwt = keys && issuer && audience ? { keys, rules: { issuer, audience, algorithms } } : undefined;
  return { tokensPath, jwt, certificates: tls?.clientCa !== undefined };
}

/** A place of keys as it may be shown: its query may hold a secret. */
export function showKeyPlace(text: string): string {
  if (!isUrl(text)) return text;
  const [place = ''] = text.split(/[?#]/);
  return place.replace(/\/\/[^/]*@/, '//***@') + (place === text ? '' : '?***');
}

/** What stands where the path of the tokens' file belongs, as it may be shown. */
export function showTokensPath(text: string): string {
  return isToken(text) ? '***' : text;
}

/** What stands where the path of the private key belongs, as it may be shown. */
export function showKeyPath(text: string): string {
  return isPem(text) ? '***' : text;
}

function optional(text: string): string | undefined {
  return text === '' ? undefined : text;
}

function require(read: Read, name: SettingName, message: string): void {
  read(name, (text) => {
    if (text === '') throw new BadValue(message);
  });
}

function parseKeyPath(text: string): string | undefined {
  if (isPem(text)) throw new BadValue('is a key; give the path of its file');
  return optional(text);
}

function isPem(text: string): boolean {
  return text.includes('-----BEGIN');
}

function parseTokensPath(text: string): string | undefined {
  if (isToken(text)) throw new BadValue('is a token; give the path of a file with the hashes of tokens');
  return optional(text);
}

function parseKeyPlace(text: string): string | URL | undefined {
  if (!isUrl(text)) return optional(text);
  if (!URL.canParse(text)) throw new BadValue('is no URL; write it like https://issuer.example/jwks.json');
  const url = new URL(text);
  if (url.username !== '' || url.password !== '')
    throw new BadValue('must have no user and no password in it');
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))) return url;
  throw new BadValue(
    'must be a file or https://, and http:// only for this machine: whoever can change the keys on their way here can ' +
      'be anybody',
  );
}

function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
}

function parseAlgorithms(text: string): readonly JwtAlgorithm[] {
  return text.split(',').map((part) => {
    const name = part.trim();
    const known = JWT_ALGORITHMS.find((each) => each === name);
    if (known !== undefined) return known;
    throw new BadValue(
      `holds ${JSON.stringify(name)}; the algorithms are ${JWT_ALGORITHMS.join(', ')}, separated by commas: none is ` +
        'symmetric, since whoever checks a signature could then make one',
    );
  });
}
