import type { Clock } from '../../server/src/clock.js';

/** A clock that only the test moves. */
export interface ManualClock extends Clock {
  /**
   * Moves both clocks on by `ms`, firing what falls due in order. Between any two timers, and at the end,
   * everything that they set off runs to where it waits for time or for the outside.
   */
  advance(ms: number): Promise<void>;
  /** How many timers wait. */
  readonly pending: number;
}

/** Any moment will do; a whole second reads well in a failure. */
const WALL_START_MICROS = 1_700_000_000_000_000;

export function createManualClock(): ManualClock {
  let now = 1000;
  const timers = new Set<{ readonly at: number; readonly fire: () => void }>();

  function nextDue(until: number) {
    let next: { readonly at: number; readonly fire: () => void } | undefined;
    for (const timer of timers) {
      if (timer.at <= until && (next === undefined || timer.at < next.at)) next = timer;
    }
    return next;
  }

  return {
    now: () => now,
    wallMicros: () => WALL_START_MICROS + Math.floor(now * 1000),
    after(ms, fire) {
      const timer = { at: now + ms, fire };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    get pending() {
      return timers.size;
    },
    async advance(ms) {
      const until = now + ms;
      await settled();
      for (let timer = nextDue(until); timer !== undefined; timer = nextDue(until)) {
        timers.delete(timer);
        now = timer.at;
        timer.fire();
        await settled();
      }
      now = until;
      await settled();
    },
  };
}

/** Resolves when no promise is left that could go on without time or the outside. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
