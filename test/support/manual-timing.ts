import { type Timing } from '../../clients/typescript/src/timing.js';
import { createManualClock, type ManualClock } from './clock.js';

/** The client's time, which only the test moves. */
export interface ManualTiming extends Timing, Pick<ManualClock, 'advance' | 'pending'> {
  /** Moves the clock and fires nothing, as for a process that was suspended: what was due fires with the next `advance`. */
  jump(ms: number): void;
}

/** @param random What chance decides. Default: every pause is about as long as it can be. */
export function createManualTiming(random = 1 - 2 ** -30): ManualTiming {
  const clock = createManualClock();
  let jumped = 0;
  return {
    now: () => clock.now() + jumped,
    random: () => random,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const cancel = clock.after(ms, () => {
          signal.removeEventListener('abort', abort);
          resolve();
        });
        const abort = () => {
          cancel();
          reject(signal.reason as Error);
        };
        signal.addEventListener('abort', abort, { once: true });
      }),
    get pending() {
      return clock.pending;
    },
    advance: (ms) => clock.advance(ms),
    jump: (ms) => {
      jumped += ms;
    },
  };
}
