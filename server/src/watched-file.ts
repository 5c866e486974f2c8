import { createHash } from 'node:crypto';
import { type BigIntStats, readFileSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';

const POLL_MS = 250;
/** A version is read when it was left alone for as long: it may be half-written, and half of it may make sense. */
const REST_MS = 100;
/** Far more than a file of settings has: a wrong path must not fill the memory. */
const MAX_BYTES = 16 * 1024 * 1024;

/** What a file says, kept up to date. */
export interface WatchedFile<T> {
  /** The last version that could be read and parsed. */
  readonly current: T;
  /** Calls `listener` with each later version, once it is `current`. The result stops that. */
  onChange(listener: (value: T) => void): () => void;
  /** Stops looking; `current` stays. */
  close(): void;
}

/** What is told of every version after the first. */
export interface FileNews<T> {
  loaded(value: T): void;
  /** A version that cannot be used, or no file: the last good version stays. Told once for each. */
  refused(error: Error): void;
}

/**
 * Reads and parses the file now, then looks at it every 250 ms by its path, so that a rename over it and a symbolic
 * link that is swapped count as changes. A new version is read once it rests.
 *
 * @param parse throws an Error that says how to mend the file, without secrets in it.
 * @throws what `parse` throws; Error where the file cannot be read.
 */
export function watchFile<T>(path: string, parse: (bytes: Buffer) => T, told: FileNews<T>): WatchedFile<T> {
  const listeners = new Set<(value: T) => void>();
  let seen = marksOf(path, statSync(path, { bigint: true }));
  let rests = false;
  const first = readFileSync(path);
  let current = parse(first);
  /** What the last look found: the digest of what was read, or why nothing was. */
  let found = digestOf(first);
  let closed = false;
  let timer = setTimeout(look, POLL_MS).unref();

  function look(): void {
    void changed().then((bytes) => {
      if (closed) return;
      if (bytes !== undefined) take(bytes);
      timer = setTimeout(look, rests ? POLL_MS : REST_MS).unref();
    });
  }

  /** The file's bytes where it rests and they are others than before. */
  async function changed(): Promise<Buffer | undefined> {
    try {
      const known = seen;
      seen = await marksNow();
      if (seen === known && rests) return undefined;
      rests = seen === known;
      if (!rests) return undefined;
      const bytes = await readFile(path);
      rests = (await marksNow()) === seen;
      return rests && isNew(digestOf(bytes)) ? bytes : undefined;
    } catch (error) {
      seen = '';
      rests = true;
      if (isNew(asError(error).message) && !closed) told.refused(asError(error));
      return undefined;
    }
  }

  async function marksNow(): Promise<string> {
    return marksOf(path, await stat(path, { bigint: true }));
  }

  function isNew(what: string): boolean {
    const isOther = what !== found;
    found = what;
    return isOther;
  }

  function take(bytes: Buffer): void {
    try {
      current = parse(bytes);
    } catch (error) {
      told.refused(asError(error));
      return;
    }
    told.loaded(current);
    for (const listener of [...listeners]) listener(current);
  }

  return {
    get current() {
      return current;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

/** What two versions of a file differ in. @throws Error for what is no file of settings. */
function marksOf(path: string, file: BigIntStats): string {
  if (!file.isFile()) throw new Error(`${path} is no regular file`);
  if (file.size > MAX_BYTES) throw new Error(`${path} is larger than ${MAX_BYTES / 1024 / 1024} MiB`);
  return [file.dev, file.ino, file.size, file.mtimeNs, file.ctimeNs].join(' ');
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
