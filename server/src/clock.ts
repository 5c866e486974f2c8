/** Time as the server sees it; injected where behaviour depends on it, so that tests can move it. */
export interface Clock {
  /** Milliseconds on a monotonic clock; only differences mean anything. */
  now(): number;
  /** Microseconds since the Unix epoch on the wall clock. */
  wallMicros(): number;
  /** Calls `fire` once, `ms` from now. The result cancels it. A pending timer does not keep the process alive. */
  after(ms: number, fire: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wallMicros: () => Math.floor((performance.timeOrigin + performance.now()) * 1000),
  after(ms, fire) {
    const timer = setTimeout(fire, ms);
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};
