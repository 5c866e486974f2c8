import type { Logger } from 'pino';

import { type AccessFile, parseAccess } from './domain/access/access-file.js';
import { type Access, type AccessSource, createAccess } from './engine/access/access.js';
import { watchFile } from './watched-file.js';

/** Access as a file says it now; a version that cannot be used leaves the last good one in force. */
export interface FileAccess extends Access {
  close(): void;
}

/** @throws Error that says how to mend the file. */
export function openAccessFile(path: string, log: Logger): FileAccess {
  const parse = (bytes: Buffer): AccessFile => parseAccess(bytes.toString(), path);
  const file = watchFile(path, parse, {
    loaded(value) {
      log.info(factsOf(value), `access changed: ${path} is in force`);
      warnOfNobody(value, path, log);
    },
    refused(error) {
      log.error(`access NOT changed: what was in force stays, for ${error.message}`);
    },
  });
  log.info(factsOf(file.current), `access as ${path} says`);
  warnOfNobody(file.current, path, log);
  return {
    ...createAccess(file),
    close: () => {
      file.close();
    },
  };
}

/** Where no file says who may do what. */
export function nobody(): AccessSource {
  return { current: parseAccess('{}', 'nothing'), onChange: () => () => undefined };
}

function factsOf({ roles, identities }: AccessFile): { roles: readonly string[]; identities: number } {
  return { roles, identities: identities.length };
}

function warnOfNobody({ identities }: AccessFile, path: string, log: Logger): void {
  if (identities.length === 0) log.warn(`nobody may do anything: ${path} gives no identity a role`);
}
