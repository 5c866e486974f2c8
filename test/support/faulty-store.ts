import {
  type Committed,
  type Conflict,
  type Followed,
  type Head,
  type NewEntry,
  type PolicyStore,
  StoreUnavailable,
  StoreUnusable,
} from '../../server/src/store/store.js';

/** What becomes of one commit on its way to the store and back. */
export type CommitFault =
  /** The store is not reached. */
  | 'not-sent'
  /** The store does it, and its reply is lost. */
  | 'reply-lost'
  /** The request is lost on its way, and nobody can tell. */
  | 'request-lost'
  /** The store cannot be used. */
  | 'unusable'
  /** It waits on its way there; the caller waits with it. */
  | Hold
  /** It waits on its way there; the caller does not, and cannot tell whether it arrived. */
  | { readonly late: Hold };

/** Stops a commit on its way until it is let go. */
export interface Hold {
  /** Resolves when the commit has come this far. */
  readonly arrived: Promise<void>;
  /** Lets it go; resolves when the store has answered it. */
  readonly release: () => Promise<void>;
  /** For the wrapper: passes the commit on when it may go. */
  readonly pass: <T>(send: () => Promise<T>) => Promise<T>;
}

export interface SentCommit {
  readonly expected: Head;
  readonly entries: readonly NewEntry[];
}

/** A real store, seen through a connection that fails when told to. */
export interface FaultyStore extends PolicyStore {
  /** Commits that reached the store, in order; also those that it refused. */
  readonly sent: readonly SentCommit[];
  /** How often `changes` was asked. */
  readonly pagesRead: number;
  /** What becomes of the next commits, one each; those after them pass. */
  next(...faults: CommitFault[]): void;
  /** Stops the next answer of `changes` on its way. */
  nextPage(held: Hold): void;
  /** What becomes of every commit until told otherwise; undefined: it passes. */
  always(fault: CommitFault | undefined): void;
  /** Nothing reaches the store, and what follows it breaks. */
  cut(): void;
  mend(): void;
  /** Follows stay connected, and deliver nothing until told otherwise. */
  stall(): void;
  flow(): void;
  /** Another store answers at this address from now on. What follows the old one breaks. */
  replace(store: PolicyStore): void;
}

export function hold(): Hold {
  const arrived = createGate();
  const released = createGate();
  const answered = createGate();
  return {
    arrived: arrived.opened,
    release() {
      released.open();
      return answered.opened;
    },
    async pass(send) {
      arrived.open();
      await released.opened;
      return send().finally(answered.open);
    },
  };
}

export function createFaultyStore(real: PolicyStore): FaultyStore {
  let store = real;
  const sent: SentCommit[] = [];
  const planned: CommitFault[] = [];
  let standing: CommitFault | undefined;
  let isCut = false;
  let pagesRead = 0;
  let pageHeld: Hold | undefined;
  /** Opens when follows may deliver again; undefined: they may. */
  let stalled: Gate | undefined;
  /** Opens when every follow breaks. */
  let broken = createGate();

  function reach<T>(call: () => Promise<T>): Promise<T> {
    return isCut ? Promise.reject(away(false)) : call();
  }

  async function send(
    namespace: string,
    expected: Head,
    entries: readonly NewEntry[],
  ): Promise<Committed | Conflict> {
    sent.push({ expected, entries });
    return store.commit(namespace, expected, entries);
  }

  async function commit(
    namespace: string,
    expected: Head,
    entries: readonly NewEntry[],
  ): Promise<Committed | Conflict> {
    const fault = planned.shift() ?? standing;
    if (fault === 'not-sent') throw away(false);
    if (fault === 'unusable') throw new StoreUnusable('the store is too old');
    if (fault === 'request-lost') throw away(true);
    const deliver = (): Promise<Committed | Conflict> => send(namespace, expected, entries);
    if (typeof fault === 'object' && 'late' in fault) {
      void fault.late.pass(deliver);
      throw away(true);
    }
    const reply = await (typeof fault === 'object' ? fault.pass(deliver) : deliver());
    if (fault === 'reply-lost') throw away(true);
    return reply;
  }

  function breakFollows(): void {
    broken.open();
    broken = createGate();
  }

  async function* follow(
    namespace: string,
    after: Head,
    signal: AbortSignal,
  ): AsyncGenerator<Followed | 'gap', void, undefined> {
    if (isCut) throw away(false);
    const lost = broken.opened.then(() => 'lost' as const);
    const inner = new AbortController();
    const stop = (): void => {
      inner.abort();
    };
    signal.addEventListener('abort', stop);
    const aborted = new Promise<'aborted'>((resolve) => {
      inner.signal.addEventListener('abort', () => {
        resolve('aborted');
      });
    });
    if (signal.aborted) return;
    const answers = store.follow(namespace, after, inner.signal)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const answer = await Promise.race([answers.next(), lost, aborted]);
        if (answer === 'lost') throw away(false);
        if (answer === 'aborted' || answer.done === true) return;
        const onward = await Promise.race([stalled?.opened, lost, aborted]);
        if (onward === 'lost') throw away(false);
        if (onward === 'aborted') return;
        yield answer.value;
      }
    } finally {
      inner.abort();
      signal.removeEventListener('abort', stop);
      void answers.return?.();
    }
  }

  return {
    sent,
    get pagesRead() {
      return pagesRead;
    },
    next: (...faults) => void planned.push(...faults),
    always(fault) {
      standing = fault;
    },
    cut() {
      isCut = true;
      breakFollows();
    },
    mend() {
      isCut = false;
    },
    stall() {
      stalled ??= createGate();
    },
    flow() {
      stalled?.open();
      stalled = undefined;
    },
    replace(other) {
      store = other;
      breakFollows();
    },
    connect: () => reach(() => store.connect()),
    load: (namespace, recent) => reach(() => store.load(namespace, recent)),
    commit: (namespace, expected, entries) => reach(() => commit(namespace, expected, entries)),
    changes(namespace, range) {
      pagesRead += 1;
      const page = pageHeld;
      pageHeld = undefined;
      const read = () => reach(() => store.changes(namespace, range));
      return page === undefined ? read() : page.pass(read);
    },
    nextPage(held) {
      pageHeld = held;
    },
    follow,
    announce: (namespace, summary, ttlMs) => reach(() => store.announce(namespace, summary, ttlMs)),
    announced: (namespace) => reach(() => store.announced(namespace)),
    close: () => store.close(),
  };
}

function away(sent: boolean): StoreUnavailable {
  return new StoreUnavailable(sent ? 'no reply in time' : 'connection refused', { sent });
}

interface Gate {
  readonly opened: Promise<void>;
  readonly open: () => void;
}

function createGate(): Gate {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
