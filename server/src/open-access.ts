import type { Logger } from 'pino';

import { BadSettings, type Config } from './config/config.js';
import { type AccessFile, parseAccess } from './domain/access/access-file.js';
import { type Access, createAccess, unrestrictedAccess } from './engine/access/access.js';
import { watchFile } from './watched-file.js';

/** Access as it is now; a version of the file that cannot be used leaves the last good one in force. */
export interface OpenAccess extends Access {
  close(): void;
}

/**
 * Who may do what: as the access file says, which is read again when it changes; else nobody anything where callers prove
 * who they are, and everybody everything where they do not.
 * @throws BadSettings for a file that cannot be used.
 */
export function openAccessRules(
  { accessPath, authenticates, namespaces }: Pick<Config, 'accessPath' | 'authenticates' | 'namespaces'>,
  log: Logger,
): OpenAccess {
  const close = (): void => undefined;
  if (accessPath === undefined && !authenticates) return { ...unrestrictedAccess, close };
  if (accessPath === undefined) {
    log.warn(
      'nobody may do anything: callers prove who they are, and no access file says what they may do. ' +
        'Write one and set POLICY_ACCESS (--access)',
    );
    const nobody = parseAccess('{}', 'nothing');
    return { ...createAccess({ current: nobody, onChange: () => close }), close };
  }
  try {
    return openAccessFile(accessPath, namespaces, log);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new BadSettings([`POLICY_ACCESS (--access): ${message}`]);
  }
}

/** @throws Error that says how to mend the file. */
function openAccessFile(path: string, namespaces: readonly string[], log: Logger): OpenAccess {
  const parse = (bytes: Buffer): AccessFile => parseAccess(bytes.toString(), path);
  const warn = (value: AccessFile): void => {
    warnOfNobody(value, path, log);
    warnOfUnserved(value, namespaces, path, log);
  };
  const file = watchFile(path, parse, {
    loaded(value) {
      log.info(factsOf(value), `access changed: ${path} is in force`);
      warn(value);
    },
    refused(error) {
      log.error(`access NOT changed: what was in force stays, for ${error.message}`);
    },
  });
  log.info(factsOf(file.current), `access as ${path} says`);
  warn(file.current);
  return {
    ...createAccess(file),
    close: () => {
      file.close();
    },
  };
}

function factsOf({ roles, identities }: AccessFile): { roles: readonly string[]; identities: number } {
  return { roles, identities: identities.length };
}

function warnOfNobody({ identities }: AccessFile, path: string, log: Logger): void {
  if (identities.length === 0) log.warn(`nobody may do anything: ${path} gives no identity a role`);
}

/** A file may be shared with servers of other namespaces; but a misspelt one under four_eyes is without them. */
function warnOfUnserved(
  { namespaces }: AccessFile,
  served: readonly string[],
  path: string,
  log: Logger,
): void {
  const unserved = namespaces.filter((name) => !served.includes(name));
  if (unserved.length === 0) return;
  log.warn(
    `${path} names namespaces that this server does not have: ${unserved.join(', ')}. What it says of them counts for nothing ` +
      `here; this server has ${served.join(', ')}`,
  );
}
