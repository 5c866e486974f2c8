/** A step of the wall clock beyond this, in ms, is sleep and not its being set right. */
const SLEEP_MS = 500;

let slept = 0;
let last = { wall: Date.now(), awake: performance.now() };

/**
 * Milliseconds that have passed, from some beginning. As performance.now(), which on some systems stands still while the
 * machine sleeps; here sleep counts, for leases end meanwhile. A wall clock that is set back changes nothing; one that is set
 * forward ends leases early.
 */
export function elapsed() {
  const now = { wall: Date.now(), awake: performance.now() };
  const step = now.wall - last.wall - (now.awake - last.awake);
  if (step > SLEEP_MS) slept += step;
  last = now;
  return now.awake + slept;
}
