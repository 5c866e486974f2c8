import { readFileSync } from 'node:fs';

import {
  type ChannelCredentials,
  type ChannelOptions,
  credentials,
  InterceptingCall,
  type Interceptor,
} from '@grpc/grpc-js';

import { PolicyStoreError } from './errors.js';
import { checkNames } from './names.js';
import { type ClientOptions, OPTIONS, type Pem, type TlsOptions } from './options.js';

/** How connections are secured, and what every call over them shows. */
export interface Security {
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions & { readonly interceptors?: Interceptor[] };
}

/** Nothing is encrypted, and nobody shows anything. */
export const NO_SECURITY: Security = { credentials: credentials.createInsecure(), options: {} };

/** The security of a client, and the token of all its calls where that is always the same. */
export interface ReadSecurity extends Security {
  readonly token: string | undefined;
}

/** @throws TypeError for what cannot be used, and for a token that would travel unencrypted. */
export function readSecurity(
  options: Pick<ClientOptions, 'tls' | 'token' | 'insecureToken'>,
  addresses: readonly string[],
): ReadSecurity {
  const tls = readTls(options.tls);
  const token = options.token ?? nonEmpty(process.env['POLICY_TOKEN']);
  if (token !== undefined && token !== '' && !tls && options.insecureToken !== true) {
    const exposed = addresses.find((address) => !isLoopback(address));
    if (exposed !== undefined) {
      throw new TypeError(
        `the token would travel to ${exposed} unencrypted, for everybody on the way to use; set tls, or accept it with ` +
          'insecureToken: true',
      );
    }
  }
  const secured = tls ? secureBy(tls) : NO_SECURITY;
  if (typeof token === 'function') {
    const interceptors = [tokenInterceptor(token)];
    return { ...secured, options: { ...secured.options, interceptors }, token: undefined };
  }
  return { ...secured, token: token === undefined || token === '' ? undefined : checkToken(token) };
}

function readTls(option: ClientOptions['tls']): TlsOptions | undefined {
  if (option === undefined) return tlsFromEnvironment();
  if (typeof option === 'boolean') return option ? {} : undefined;
  checkNames('tls', 'option', option, OPTIONS.tls);
  return option;
}

function tlsFromEnvironment(): TlsOptions | undefined {
  const { POLICY_TLS = '', POLICY_TLS_CA, POLICY_CLIENT_CERT, POLICY_CLIENT_KEY } = process.env;
  const ca = nonEmpty(POLICY_TLS_CA);
  if (ca === undefined && !['1', 'true', 'yes', 'on'].includes(POLICY_TLS.toLowerCase())) return undefined;
  return { ca, cert: nonEmpty(POLICY_CLIENT_CERT), key: nonEmpty(POLICY_CLIENT_KEY) };
}

function secureBy({ ca, cert, key, serverName }: TlsOptions): Security {
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError(
      'tls takes cert and key together: the certificate of this client and its private key',
    );
  }
  const [roots, privateKey, chain] = [readPem('ca', ca), readPem('key', key), readPem('cert', cert)];
  try {
    return {
      credentials: credentials.createSsl(roots, privateKey, chain),
      options: serverName === undefined ? {} : namedOptions(serverName),
    };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`tls: ca, cert or key cannot be used: ${why}`, { cause });
  }
}

function namedOptions(serverName: string): ChannelOptions {
  return { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName };
}

/** A text with the look of PEM is no path; that it is none must not be said by showing it. */
function readPem(name: string, pem: Pem | undefined): Buffer | null {
  if (pem === undefined) return null;
  if (typeof pem !== 'string') return Buffer.from(pem);
  if (pem.includes('-----BEGIN ')) return Buffer.from(pem);
  try {
    return readFileSync(pem);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`tls.${name}: ${why}`, { cause });
  }
}

/** Asks for the token at the start of each call and stream, so that those after a change have the new one. */
function tokenInterceptor(token: () => string): Interceptor {
  return (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start(metadata, listener, next) {
        const own = metadata.clone();
        own.set('authorization', `Bearer ${askFor(token)}`);
        next(own, listener);
      },
    });
}

function askFor(token: () => string): string {
  try {
    return checkToken(token());
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PolicyStoreError('UNAUTHENTICATED', `there is no token for this call: ${why}`, { cause });
  }
}

/** @throws TypeError that does not show it: the transport would. */
function checkToken(token: unknown): string {
  if (typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)) return token;
  throw new TypeError(
    'the token must be a text of visible ASCII characters; does it have a space or an end of line?',
  );
}

function isLoopback(address: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\]):\d+$/i.test(address);
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
