import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import { type Held } from '../options.js';
import { type Timing } from '../timing.js';
import { formatVersion } from '../version.js';
import { type LastKnownGoodStatus } from './live-status.js';
import { decodePolicyFile, encodePolicyFile, type PolicyFile } from './policy-file.js';

/** Files are written no more often than this. */
const PAUSE_MS = 1_000;

/** No policy is as large. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Tells files apart that this process is writing. */
let writes = 0;

/** The policy that was held last, in a file. What goes wrong with it is told in `status` and nowhere else. */
export class LastKnownGood {
  /** What was found, once it has been read. */
  readonly loaded: Promise<PolicyFile | undefined>;
  readonly #path: string;
  readonly #namespace: string;
  readonly #timing: Timing;
  readonly #closing = new AbortController();
  #status: LastKnownGoodStatus;
  #newest: Held | undefined;
  #written: Held | undefined;
  #writing: Promise<void> | undefined;

  constructor(path: string, namespace: string, timing: Timing) {
    this.#path = resolve(path);
    this.#namespace = namespace;
    this.#timing = timing;
    this.#status = {
      path: this.#path,
      found: undefined,
      ageMs: undefined,
      saved: undefined,
      failure: undefined,
    };
    this.loaded = this.#load();
  }

  get status(): LastKnownGoodStatus {
    return this.#status;
  }

  /** Writes it soon, or something newer instead. */
  save(held: Held): void {
    this.#newest = held;
    this.#writing ??= this.#write();
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#writing;
  }

  async #load(): Promise<PolicyFile | undefined> {
    try {
      const found = decodePolicyFile(this.#namespace, await readBounded(this.#path));
      const ageMs = Date.now() - found.savedAt.getTime();
      const text = `${formatVersion(found.version)}, saved ${describeAge(ageMs)}`;
      this.#tell({ found: text, ageMs, saved: found.version });
      return found;
    } catch (error) {
      this.#tell({ found: `ignored: ${isMissing(error) ? 'there is none yet' : describe(error)}` });
      return undefined;
    }
  }

  async #write(): Promise<void> {
    await this.loaded;
    for (let held = this.#newest; held && held !== this.#written; held = this.#newest) {
      this.#written = held;
      try {
        await replaceFile(this.#path, encodePolicyFile(this.#namespace, held, new Date()));
        this.#tell({ saved: held.version, failure: undefined });
      } catch (error) {
        this.#tell({ failure: describe(error) });
      }
      await this.#timing.sleep(PAUSE_MS, this.#closing.signal).catch(() => undefined);
    }
    this.#writing = undefined;
  }

  #tell(news: Partial<LastKnownGoodStatus>): void {
    this.#status = { ...this.#status, ...news };
  }
}

async function readBounded(path: string): Promise<Buffer> {
  const about = await stat(path);
  if (!about.isFile()) throw new Error('it is no file');
  if (about.size > MAX_BYTES) throw new Error(`it has ${about.size} bytes, more than any policy`);
  return readFile(path);
}

/** Whoever reads the path finds the file as it was or as it is now, also after a crash. */
async function replaceFile(path: string, content: Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}-${writes++}.tmp`;
  try {
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Makes the new name last. Not every system lets a directory be opened. */
async function syncDirectory(path: string): Promise<void> {
  try {
    const directory = await open(path, 'r');
    await directory.sync().finally(() => directory.close());
  } catch {
    // The file itself is safe under one of the two names.
  }
}

function describeAge(ms: number): string {
  if (ms < 0) return 'in the future, by this clock';
  const seconds = Math.round(ms / 1000);
  return seconds < 120 ? `${seconds} s ago` : `${Math.round(seconds / 60)} min ago`;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
