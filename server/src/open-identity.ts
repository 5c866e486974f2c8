import type { Logger } from 'pino';

import { type Authenticator, createAuthenticator } from './auth/authenticator.js';
import { type KeyNews, type KeySource, keysFromFile, keysFromUrl } from './auth/key-source.js';
import { parseTokens } from './auth/token-file.js';
import { BadSettings, type Config } from './config/config.js';
import { type Certificates, openCertificates } from './tls/certificates.js';
import { watchFile } from './watched-file.js';

const DAY_MS = 86_400_000;
/** A certificate that ends within this time is warned of. */
const SOON_MS = 14 * DAY_MS;

/** What the server proves itself with, and how its callers do. */
export interface OpenIdentity {
  /** Undefined: nothing is encrypted. */
  readonly certificates: Certificates | undefined;
  /** Undefined: callers are whom they say they are. */
  readonly authenticator: Authenticator | undefined;
  /** Stops looking at the files. */
  close(): void;
}

/**
 * Opens the files of certificates, tokens and keys, and reads them again when they change. The log tells of each version,
 * and of what is wrong with one; then the last good one stays in force.
 * @throws BadSettings for a file that cannot be used.
 */
export function openIdentity({ tls, auth, authenticates }: Config, log: Logger): OpenIdentity {
  const opened: { close(): void }[] = [];
  const close = (): void => {
    for (const each of opened.splice(0).reverse()) each.close();
  };
  const keep = <Opened extends { close(): void }>(setting: string, open: () => Opened): Opened => {
    try {
      const each = open();
      opened.push(each);
      return each;
    } catch (error) {
      close();
      throw new BadSettings([`${setting}: ${error instanceof Error ? error.message : String(error)}`]);
    }
  };

  const { tokensPath, jwt } = auth;
  const certificates =
    tls && keep('POLICY_TLS_CERT, POLICY_TLS_KEY, POLICY_TLS_CLIENT_CA', () => openTls(tls, log));
  const tokens =
    tokensPath === undefined ? undefined : keep('POLICY_TOKENS', () => openTokens(tokensPath, log));
  const keys = jwt && keep('POLICY_JWKS', () => openKeys(jwt.keys, log));
  const authenticator = authenticates
    ? keep('identity', () =>
        createAuthenticator({
          tokens,
          jwt: jwt && keys && { keys, rules: jwt.rules },
          certificates: auth.certificates ? certificates : undefined,
        }),
      )
    : undefined;
  return { certificates, authenticator, close };
}

function openTls(paths: NonNullable<Config['tls']>, log: Logger): Certificates {
  const tell = ({ leaf, authorities }: Certificates['current'], what: string): void => {
    const until = new Date(leaf.validTo);
    const facts = {
      subject: leaf.subject,
      until: until.toISOString(),
      clientAuthorities: authorities.length,
    };
    log.info(facts, `${what}: ${paths.cert}`);
    const leftMs = until.getTime() - Date.now();
    if (leftMs <= 0) log.error(`the certificate in ${paths.cert} has expired: clients refuse it`);
    else if (leftMs < SOON_MS) {
      log.warn(`the certificate in ${paths.cert} expires in ${Math.floor(leftMs / DAY_MS)} days`);
    }
  };
  const certificates = openCertificates(paths, {
    loaded: (material) => {
      tell(material, 'certificates changed');
    },
    refused: (error) => {
      log.error(`certificates NOT changed: what was in force stays, for ${error.message}`);
    },
  });
  tell(certificates.current, 'certificates');
  return certificates;
}

function openTokens(path: string, log: Logger): ReturnType<typeof watchFile<ReturnType<typeof parseTokens>>> {
  const file = watchFile(path, (bytes) => parseTokens(bytes.toString(), path), {
    loaded: ({ length }) => {
      log.info({ tokens: length }, `tokens changed: ${path} is in force`);
    },
    refused: (error) => {
      log.error(`tokens NOT changed: what was in force stays, for ${error.message}`);
    },
  });
  log.info({ tokens: file.current.length }, `tokens as ${path} says`);
  return file;
}

function openKeys(place: string | URL, log: Logger): KeySource {
  const news: KeyNews = {
    loaded: ({ count }) => {
      log.info({ keys: count }, 'the keys that JWTs are checked with have changed');
    },
    refused: (error) => {
      log.error(`the keys that JWTs are checked with are NOT changed: ${error.message}`);
    },
  };
  return typeof place === 'string' ? keysFromFile(place, news) : keysFromUrl(place, news);
}
