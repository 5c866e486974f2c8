import type { Head, LogEntry, PolicyStore } from '../../store/store.js';
import { decodeEntry, type LoggedChange } from '../change.js';
import { ownTurn } from './turns.js';

/** A first page of this many revisions is enough for what is asked most; later ones are as large as the store gives. */
const FIRST_PAGE = 64;
/** Bytes of entries that are gone through before others have their turn; each entry counts a little more than it has. */
const BYTES_PER_TURN = 128 * 1024;
const BYTES_PER_ENTRY = 512;
const NEWEST = Number.MAX_SAFE_INTEGER;

/** What was read does not fit together, or not to the replica: the log was rewritten or trimmed meanwhile. */
export class LogRewritten extends Error {
  override readonly name = 'LogRewritten';
}

/** Where in the log an entry is: its number, and the id that tells it from another of the same number. */
export type Place = Pick<Head, 'revision' | 'id'>;

/** The log of one namespace, as history asks for it. */
export class LogReader {
  readonly #store: PolicyStore;
  readonly #namespace: string;

  constructor(store: PolicyStore, namespace: string) {
    this.#store = store;
    this.#namespace = namespace;
  }

  /** The entry of a revision; undefined: there is none, or 'compacted': there may have been one. */
  async at(revision: number): Promise<LogEntry | 'compacted' | undefined> {
    const page = await this.#store.changes(this.#namespace, { from: revision, to: revision });
    return Array.isArray(page) ? page[0] : 'compacted';
  }

  /** The newest entry up to a revision, whatever its epoch. */
  async upTo(revision: number): Promise<LogEntry | undefined> {
    const exact = await this.at(revision);
    if (typeof exact === 'object') return exact;
    const [newest] = await this.#descending(1, revision);
    return newest;
  }

  async oldest(): Promise<LogEntry> {
    const page = await this.#store.changes(this.#namespace, { from: 1, to: 1 });
    const first = Array.isArray(page) ? page[0] : await this.at(page.oldest);
    if (typeof first === 'object') return first;
    const from = Array.isArray(page) ? 1 : page.oldest;
    const [next] = await this.#ascending(from, NEWEST);
    if (next === undefined) throw new LogRewritten('the log has no entry');
    return next;
  }

  /**
   * The newest entry.
   * @throws LogRewritten where the log does not hold `known`.
   */
  async newest(known: Place): Promise<LogEntry> {
    let last: LogEntry | undefined;
    for (let page = await this.#from(known); ; page = await this.#from(last)) {
      last = page.at(-1);
      if (last === undefined || page.length === 1) break;
    }
    if (last === undefined) throw new LogRewritten('the log does not hold what this replica holds');
    return last;
  }

  /**
   * The changes from `newest` down to revision `from`, or as far as the log reaches; without `newest` none. The event loop
   * is never held for long.
   * @throws LogRewritten where they do not continue each other.
   */
  async *newestFirst(newest: Place, from = 1): AsyncGenerator<LoggedChange, void, undefined> {
    let { revision: to, id: expected } = newest;
    let span = FIRST_PAGE;
    while (expected !== '' && to >= from) {
      const floor = Math.max(from, to - span + 1);
      const page = await this.#descending(floor, to);
      if (page.length === 0 && floor === from) return;
      // An empty page: the revisions that an epoch left out, or the end of the log.
      span = Infinity;
      for await (const change of decoded(page)) {
        if (change.id !== expected) throw new LogRewritten(`revision ${change.revision} is another change`);
        yield change;
        expected = change.change.previous;
        to = change.revision - 1;
      }
    }
  }

  /**
   * The changes after `known`, oldest first.
   * @throws LogRewritten where they do not continue it.
   */
  async *after(known: Place): AsyncGenerator<LoggedChange, void, undefined> {
    let last = known;
    for (;;) {
      const page = await this.#from(last);
      if (page.length === 1) return;
      for await (const change of decoded(page.slice(1))) {
        yield change;
        last = change;
      }
    }
  }

  /** A page that begins with `known`. */
  async #from(known: Place): Promise<LogEntry[]> {
    const page = await this.#ascending(known.revision, NEWEST);
    if (page[0]?.id !== known.id) throw new LogRewritten('the log does not hold what was read before');
    return page;
  }

  async #ascending(from: number, to: number): Promise<LogEntry[]> {
    const page = await this.#store.changes(this.#namespace, { from, to });
    if (Array.isArray(page)) return page;
    throw new LogRewritten(`the log begins at ${page.oldest}`);
  }

  async #descending(from: number, to: number): Promise<LogEntry[]> {
    const page = await this.#store.changes(this.#namespace, { from, to, newestFirst: true });
    return Array.isArray(page) ? page : [];
  }
}

async function* decoded(page: readonly LogEntry[]): AsyncGenerator<LoggedChange, void, undefined> {
  let room = 0;
  for (const entry of page) {
    if (room <= 0) {
      await ownTurn();
      room = BYTES_PER_TURN;
    }
    room -= entry.body.byteLength + BYTES_PER_ENTRY;
    yield decodeEntry(entry);
  }
}
