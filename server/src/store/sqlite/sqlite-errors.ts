import { StoreUnavailable, StoreUnusable } from '../store.js';

/** SQLite's primary result codes: https://www.sqlite.org/rescode.html */
const BUSY = 5;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

const OTHER_FILE = 'name another file with POLICY_STORE=sqlite:OTHER_PATH';

/**
 * What an error of SQLite or of the file system means for the operator of `path`. `committing`: it came out of the
 * COMMIT itself, so that an input/output error leaves the outcome open.
 */
export function storeError(error: unknown, path: string, committing = false): Error {
  if (error instanceof StoreUnusable || error instanceof StoreUnavailable) return error;
  const text = error instanceof Error ? error.message : String(error);
  const unusable = (message: string): StoreUnusable => new StoreUnusable(message, { cause: error });
  const unavailable = (message: string, sent: boolean): StoreUnavailable =>
    new StoreUnavailable(message, { sent, cause: error });

  switch (resultCode(error)) {
    case BUSY:
      return unusable(`${path} is in use by another PolicyStore process; stop that one, or ${OTHER_FILE}`);
    case READONLY:
      return unusable(`${path} cannot be written; give this user the right to write it, or ${OTHER_FILE}`);
    case CORRUPT:
      return unusable(
        `${path} is damaged (${text}); restore it from a backup, or move it away to begin anew`,
      );
    case NOTADB:
      return unusable(`${path} is not a SQLite database; move it away, or ${OTHER_FILE}`);
    case CANTOPEN:
      return unusable(
        `${path} cannot be opened; see that this user may write it and its directory, or ${OTHER_FILE}`,
      );
    case FULL:
      return unavailable(`No space is left to write ${path}; free some, then writes go on`, false);
    case IOERR:
      return unavailable(`${path} could not be read or written (${text}); check the disk`, committing);
  }
  switch (systemCode(error)) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'EISDIR':
      return unusable(`${path} cannot be written (${text}); give this user the right to, or ${OTHER_FILE}`);
    case 'ENOTDIR':
    case 'EEXIST':
      return unusable(`${path} cannot be created: part of its path is a file; ${OTHER_FILE}`);
    case 'ENOSPC':
      return unavailable(`No space is left to create ${path}; free some`, false);
  }
  return unavailable(`${path} failed: ${text}`, committing);
}

/** 0 if the error is not SQLite's. */
function resultCode(error: unknown): number {
  if (!(error instanceof Error)) return 0;
  // The driver gives failures to open as text only, the result code at its end.
  const opening = /Unable to open connection to local database .*: (\d+)"?\)?$/su.exec(error.message)?.[1];
  const code = 'rawCode' in error && typeof error.rawCode === 'number' ? error.rawCode : opening;
  return Number(code ?? 0) & 0xff;
}

function systemCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
