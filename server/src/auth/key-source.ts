import { watchFile } from '../watched-file.js';
import { type KeySet, parseKeySet } from './jwks.js';

/** How often keys at an address are asked for: a key that is taken away is believed no longer. */
const REFRESH_MS = 60_000;
/** While none are known. */
const RETRY_MS = 1000;
/** A JWT by an unknown key may be by a new one; anybody can make such a JWT, so it is asked for no more often. */
const UNKNOWN_KEY_MS = 10_000;
const TIMEOUT_MS = 5000;
const MAX_BYTES = 1024 * 1024;

/** Where the keys come from that JWTs are checked with, kept up to date. */
export interface KeySource {
  /** Undefined: they could not be had yet. */
  readonly current: KeySet | undefined;
  /** Asks for newer keys, where that may help; true: there are others now. */
  refresh(): Promise<boolean>;
  onChange(listener: () => void): () => void;
  close(): void;
}

export interface KeyNews {
  loaded(keys: KeySet): void;
  /** The last good keys stay in force. */
  refused(error: Error): void;
}

/** @throws Error that says how to mend the file. */
export function keysFromFile(path: string, told: KeyNews): KeySource {
  const file = watchFile(path, (bytes) => parseKeySet(bytes.toString(), path), told);
  return {
    get current() {
      return file.current;
    },
    refresh: () => Promise.resolve(false),
    onChange: (listener) => file.onChange(listener),
    close: () => {
      file.close();
    },
  };
}

/** Keys that a web server has. They are asked for at once, and every minute. */
export function keysFromUrl(url: URL, told: KeyNews): KeySource {
  const listeners = new Set<() => void>();
  const closed = new AbortController();
  const shown = url.origin + url.pathname;
  let current: KeySet | undefined;
  let failure = '';
  let askedAt = -Infinity;
  let timer: NodeJS.Timeout | undefined;
  let asking: Promise<boolean> | undefined;

  async function ask(): Promise<boolean> {
    askedAt = performance.now();
    try {
      const keys = parseKeySet(await download(url, shown, closed.signal), shown);
      failure = '';
      if (keys.text === current?.text) return false;
      current = keys;
    } catch (error) {
      const refusal = error instanceof Error ? error : new Error(String(error));
      if (refusal.message !== failure && !closed.signal.aborted) told.refused(refusal);
      failure = refusal.message;
      return false;
    }
    told.loaded(current);
    for (const listener of [...listeners]) listener();
    return true;
  }

  function refresh(): Promise<boolean> {
    asking ??= ask().finally(() => {
      asking = undefined;
      clearTimeout(timer);
      if (closed.signal.aborted) return;
      timer = setTimeout(() => void refresh(), current === undefined ? RETRY_MS : REFRESH_MS).unref();
    });
    return asking;
  }

  void refresh();
  return {
    get current() {
      return current;
    },
    refresh: () => {
      const isSoon = current !== undefined && performance.now() - askedAt < UNKNOWN_KEY_MS;
      return isSoon && asking === undefined ? Promise.resolve(false) : refresh();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      closed.abort();
      clearTimeout(timer);
    },
  };
}

async function download(url: URL, shown: string, signal: AbortSignal): Promise<string> {
  let response: Response;
  try {
    response = await fetch(url, {
      headers: { accept: 'application/jwk-set+json, application/json' },
      // Keys from wherever a redirect leads would be keys of nobody in particular.
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
  } catch (cause) {
    throw new Error(`${shown} cannot be reached: ${reasonOf(cause)}`, { cause });
  }
  if (response.status !== 200) throw new Error(`${shown} answers ${response.status} instead of 200`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error(`${shown} answers more than ${MAX_BYTES / 1024} KiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** fetch puts what happened in the cause of its error. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
