import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { type ChannelCredentials, credentials } from '@grpc/grpc-js';

import { createToken, hashToken } from '../../server/src/auth/token.js';
import { tokenLine } from '../../server/src/auth/token-file.js';
import { type Authority, createAuthority, type Pem, type Subject } from './certificates.js';
import { keepSecret } from './secrets.js';
import { type ServerSettings, startServer, type TestServer } from './server.js';

/** Writes a file as programs do that replace one: whoever reads it finds the old or the new. */
export function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

/** By which everybody may do everything. */
export const ALL_OPERATORS = `identities: { '*': { roles: [operator] } }\n`;

/** Files of certificates, tokens and rights, and those who hold what fits them. */
export interface Secured {
  /** Of the server's certificate. */
  readonly authority: Authority;
  /** Of the clients'. */
  readonly clients: Authority;
  readonly files: Readonly<Record<'cert' | 'key' | 'clientCa' | 'tokens' | 'access', string>>;
  /** A new token, which the file of tokens has from now on. */
  issue(name: string, expiresAt?: number): string;
  /** Takes a token away. */
  revoke(token: string): void;
  /** What a client needs to reach the server, with a certificate by `clients` where it has a subject. */
  channel(subject?: Subject, issuer?: Authority): Promise<ChannelCredentials>;
  replaceCertificate(pem: Pem): void;
  /** A server with all of it. */
  start(settings?: ServerSettings): Promise<TestServer>;
}

export async function secure(directory: string): Promise<Secured> {
  const authority = await createAuthority('server authority');
  const clients = await createAuthority('client authority');
  const files = {
    cert: join(directory, 'server.pem'),
    key: join(directory, 'server.key'),
    clientCa: join(directory, 'clients.pem'),
    tokens: join(directory, 'tokens'),
    access: join(directory, 'access.yaml'),
  };
  const lines = new Map<string, string>();
  const writeTokens = (): void => {
    replaceFile(files.tokens, ['# tokens', ...lines.values(), ''].join('\n'));
  };
  const replaceCertificate = ({ cert, key }: Pem): void => {
    replaceFile(files.cert, cert);
    replaceFile(files.key, key);
  };
  replaceCertificate(await authority.issue({ cn: 'policystore' }));
  replaceFile(files.clientCa, clients.cert);
  writeTokens();
  replaceFile(files.access, ALL_OPERATORS);

  const channel = async (subject?: Subject, issuer = clients): Promise<ChannelCredentials> => {
    const own = subject && (await issuer.issue(subject));
    return credentials.createSsl(
      Buffer.from(authority.cert),
      own ? Buffer.from(own.key) : null,
      own ? Buffer.from(own.cert) : null,
    );
  };
  return {
    authority,
    clients,
    files,
    issue(name, expiresAt) {
      const token = keepSecret(createToken());
      lines.set(token, tokenLine({ hash: hashToken(token), name, expiresAt }));
      writeTokens();
      return token;
    },
    revoke(token) {
      lines.delete(token);
      writeTokens();
    },
    channel,
    replaceCertificate,
    start: async ({ flags = [], ...settings } = {}) =>
      startServer({
        credentials: await channel(),
        flags: [
          ...['--tls-cert', files.cert, '--tls-key', files.key],
          ...['--tls-client-ca', files.clientCa, '--tokens', files.tokens, '--access', files.access],
          ...flags,
        ],
        ...settings,
      }),
  };
}

export function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}
