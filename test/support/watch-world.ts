import { type Delivery, View } from '@policystore/client/proto';
import { expect } from 'chai';

import { microsOf } from '../../server/src/domain/overrides.js';
import { equalPolicies } from '../../server/src/domain/patch/patch.js';
import type { FieldName } from '../../server/src/domain/policy.js';
import { presetPolicy } from '../../server/src/domain/presets.js';
import { timestamp } from '../../server/src/engine/change.js';
import type { WriteAction } from '../../server/src/engine/types.js';
import { createMemoryStore } from '../../server/src/store/memory/memory-store.js';
import { createManualClock, type ManualClock } from './clock.js';
import { type Reader, ROOMY, startEngine, type TestEngine } from './engine.js';
import { createFaultyStore, type FaultyStore, hold, type Hold } from './faulty-store.js';
import { expectState, FoldedLog } from './folded-log.js';
import { type RecordedStore, recordCommits } from './recorded-store.js';
import { type Asked, expectHistory, type Heard, Host, trimmed } from './watch-history.js';

/** What happens to two engines on one store, and to those who read from them. */
export type Step =
  | { readonly kind: 'write'; readonly by: number; readonly actions: readonly WriteAction[] }
  | {
      readonly kind: 'watch';
      readonly by: number;
      readonly delivery: Delivery;
      readonly fields: readonly FieldName[];
      /** Undefined: from now on. Else how far into the log, as a share of it. */
      readonly after: number | undefined;
      /** Whether the reader takes more after each message. */
      readonly takes: readonly boolean[];
    }
  | { readonly kind: 'resume' | 'leave'; readonly reader: number }
  /** `delay`: the next commit arrives when the link is mended, and its caller does not wait for it. */
  | {
      readonly kind: 'stall' | 'flow' | 'loseReply' | 'delay' | 'cut' | 'mend' | 'restart';
      readonly by: number;
    }
  | { readonly kind: 'check'; readonly by: number }
  | { readonly kind: 'time'; readonly ms: number };

/** As long as a write may wait for a store that is away, behind a pause and a try of the ones before. */
const PATIENCE_MS = 4000;
/** What ends within this time has ended at the end. */
export const LONGEST_TTL_MS = 3000;

interface Seat extends Asked {
  readonly reader: Reader;
  readonly host: Host;
  readonly heard: Heard[];
  left: boolean;
}

export class World {
  readonly #clock: ManualClock;
  readonly #store: RecordedStore;
  readonly #links: FaultyStore[];
  readonly #hosts: Host[];
  readonly #seats: Seat[] = [];
  readonly #delayed: Hold[] = [];
  readonly #log = new FoldedLog();
  #requests = 0;
  /** Every reader takes all that there is. */
  #isReading = false;

  constructor(clock: ManualClock, store: RecordedStore, links: FaultyStore[], engines: TestEngine[]) {
    this.#clock = clock;
    this.#store = store;
    this.#links = links;
    this.#hosts = engines.map((engine) => new Host(engine));
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'write':
        await this.#write(this.#hosts[step.by]!.engine, step.actions);
        break;
      case 'watch':
        this.#watch(this.#hosts[step.by]!, step);
        break;
      case 'resume':
        this.#seats[step.reader]?.reader.resume();
        break;
      case 'leave':
        this.#leave(this.#seats[step.reader]);
        break;
      case 'loseReply':
        this.#links[step.by]!.next('reply-lost');
        break;
      case 'delay':
        this.#delay(this.#links[step.by]!);
        break;
      case 'restart':
        await this.#restart(step.by);
        break;
      case 'check':
        break;
      case 'time':
        await this.#clock.advance(step.ms);
        break;
      case 'mend':
        this.#mend(this.#links[step.by]!);
        break;
      default:
        this.#links[step.by]![step.kind]();
    }
    await this.#clock.advance(0);
    for (const host of this.#hosts) host.settle();
    if (step.kind === 'check') this.#check(this.#hosts[step.by]!);
  }

  /** Everything works again and everybody reads on: they all get to the same head, by a true history. */
  async end(): Promise<void> {
    for (const link of this.#links) {
      this.#mend(link);
      link.flow();
    }
    this.#isReading = true;
    for (const { reader, left } of this.#seats) if (!left && !reader.error) reader.resume();
    await this.#clock.advance(PATIENCE_MS + LONGEST_TTL_MS + PATIENCE_MS);
    this.#fold();
    this.#log.expectUndone();
    const head = this.#log.states.length - 1;
    for (const host of this.#hosts) {
      this.#check(host);
      const { engine } = host;
      expect(engine.version().revision, 'the revision of a replica').to.equal(head);
      expect(engine.log.filter(({ event }) => event === 'failed')).to.deep.equal([]);
      for (const { pending, until } of engine.get().policy!.overrides) {
        expect(pending).to.equal(false);
        if (until) expect(microsOf(until)).to.be.above(this.#clock.wallMicros());
      }
    }
    for (const seat of this.#seats) {
      const { at } = expectHistory(seat.heard, this.#log.states, seat);
      if (this.#isServed(seat)) expect(at, 'the revision of a reader').to.equal(head);
    }
    // What the log has let go of cannot keep a replica from committing what was not answered once more.
    const log = await this.#store.load('default', ROOMY);
    if (log?.recent.length === head) {
      const ids = this.#store.committed.map(({ change }) => change.requestId).filter((id) => id !== '');
      expect(new Set(ids).size, 'request ids, of all that were committed').to.equal(ids.length);
    }
    await Promise.all(this.#hosts.map(({ engine }) => engine.close()));
  }

  async #write(engine: TestEngine, actions: readonly WriteAction[]): Promise<void> {
    const outcomes = actions.map((action) => {
      this.#requests += 1;
      return engine.write(action, { requestId: `r${String(this.#requests)}`, reason: 'a reason' });
    });
    const answers = Promise.allSettled(outcomes);
    await this.#clock.advance(PATIENCE_MS);
    await answers;
  }

  #watch(host: Host, { after: share, takes, delivery, fields }: Step & { kind: 'watch' }): void {
    this.#fold();
    const after = share === undefined ? undefined : Math.round(share * (this.#log.states.length - 1));
    const { epoch } = host.engine.version();
    const options = after === undefined ? {} : { after: { epoch, revision: after } };
    const turns = takes[Symbol.iterator]();
    const heard: Heard[] = [];
    const reader: Reader = host.engine.watch(
      { ...options, delivery, fields, heartbeatMs: 1000 },
      (message) => {
        heard.push({ message, host: host.state });
        const turn = turns.next();
        return this.#isReading || turn.done === true || turn.value;
      },
    );
    this.#seats.push({ reader, host, heard, delivery, fields, after, left: false });
  }

  #leave(seat: Seat | undefined): void {
    if (!seat || seat.left || seat.reader.error) return;
    seat.left = true;
    seat.reader.leave();
  }

  #delay(link: FaultyStore): void {
    const late = hold();
    this.#delayed.push(late);
    link.next({ late });
  }

  #mend(link: FaultyStore): void {
    link.mend();
    for (const late of this.#delayed.splice(0)) void late.release();
  }

  async #restart(by: number): Promise<void> {
    const closing = this.#hosts[by]!.engine.close();
    await this.#clock.advance(PATIENCE_MS);
    await closing;
    const link = this.#links[by]!;
    link.mend();
    this.#hosts[by] = new Host(await startEngine({ store: link, clock: this.#clock }));
  }

  /** Get answers the policy of its version, in both views, and readers that keep up hold it. */
  #check(host: Host): void {
    this.#fold();
    const { engine } = host;
    for (const view of [View.EFFECTIVE, View.BASE]) {
      const answer = engine.get(view);
      expectState(answer, view, this.#log);
      const { commitTime } = this.#store.committed[answer.version!.revision - 1]!;
      expect(answer.policy?.lastUpdated).to.deep.equal(timestamp(commitTime));
    }
    for (const seat of this.#seats) {
      if (seat.host !== host || !this.#isServed(seat) || seat.reader.blocked || seat.heard.length === 0)
        continue;
      const { held } = expectHistory(seat.heard, this.#log.states, seat);
      const expected = trimmed(engine.policy(), seat.fields);
      if (!equalPolicies(held!, expected)) expect(held, 'held by a live reader').to.deep.equal(expected);
    }
  }

  #isServed({ host, left, reader }: Seat): boolean {
    return this.#hosts.includes(host) && !left && !reader.error;
  }

  #fold(): void {
    const { committed } = this.#store;
    for (let known = this.#log.states.length - 1; known < committed.length; known += 1) {
      const { change, commitTime } = committed[known]!;
      this.#log.fold(change, commitTime);
    }
  }
}

export async function createWorld(logged: number): Promise<World> {
  const clock = createManualClock();
  const bounds = { maxEntries: logged, maxBytes: 1024 * 1024 };
  const store = recordCommits(createMemoryStore(bounds, clock));
  const links = [createFaultyStore(store), createFaultyStore(store)];
  const initial = presetPolicy('conservative');
  const engines = [];
  for (const link of links) engines.push(await startEngine({ store: link, clock, initial }));
  return new World(clock, store, links, engines);
}
