import type { FleetMember, PolicyView } from '@policystore/client';

import type { Position } from '../market/book.js';
import type { Phase } from '../market/regimes.js';
import type { Counts } from '../tally.js';

/** Something that happened. */
export interface Told {
  /** Of the simulated day. */
  readonly minute: number;
  readonly who: string;
  readonly what: string;
}

/** How things are in a minute of the day. */
export interface Scene {
  readonly minute: number;
  readonly phase: Phase;
  readonly policy: PolicyView;
  readonly account: {
    readonly equity: number;
    readonly gain: number;
    readonly drawdown: number;
    readonly deepestDrawdown: number;
    /** With those that wait for their orders to be filled. */
    readonly openPositions: number;
    readonly positions: readonly Position[];
  };
  readonly decisions: Counts;
  readonly fleet: readonly FleetMember[];
}

/** Tells people of the day while it goes on. */
export interface Teller {
  tell(told: Told): void;
  show(scene: Scene): void;
  /** Nothing is told after it. */
  close(): void;
}
