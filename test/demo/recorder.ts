import type { FleetMember, LivePolicy } from '@policystore/client';

import type {
  Attempt,
  BadWrite,
  Ban,
  ChangeHeard,
  DecisionMade,
  Listening,
  RolledBack,
  Trip,
} from './record.js';
import type { Teller, Told } from './screen/teller.js';
import { Tally } from './tally.js';

/** Keeps what happens, and has it told. */
export class Recorder {
  readonly decisions: DecisionMade[] = [];
  readonly trips: Trip[] = [];
  readonly bans: Ban[] = [];
  readonly badWrites: BadWrite[] = [];
  readonly rollbacks: RolledBack[] = [];
  readonly attempts: Attempt[] = [];
  readonly listeners: Listening[] = [];
  readonly told: Told[] = [];
  readonly tally = new Tally();
  /** How long each unary read took, in milliseconds, by reader. */
  readonly readsOf: (readonly number[])[] = [];
  /** Who runs what, as last asked. */
  fleet: readonly FleetMember[] = [];
  /** Of the simulated day. */
  minute = 0;

  readonly #teller: Teller;

  constructor(teller: Teller) {
    this.#teller = teller;
  }

  tell(who: string, what: string): void {
    const told = { minute: this.minute, who, what };
    this.told.push(told);
    this.#teller.tell(told);
  }

  decide(decision: DecisionMade): void {
    this.decisions.push(decision);
    this.tally.add(decision);
  }

  /** Before its first change. */
  listen(instance: string, live: LivePolicy): void {
    const heard: ChangeHeard[] = [];
    this.listeners.push({ instance, heard });
    live.on('change', ({ version, policy }) => {
      heard.push({ version, policy, at: performance.now() });
    });
  }
}
