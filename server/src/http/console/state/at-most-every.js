/**
 * Calls `ask` soon after the first wish and then at most every `everyMs`, one call at a time; a wish that comes meanwhile is
 * not lost. Many changes in a row thus cost a few questions.
 * @param {(signal: AbortSignal) => Promise<void>} ask
 * @param {{ soonMs: number, everyMs: number }} pace
 * @param {AbortSignal} signal ends it
 * @returns the wish
 */
export function atMostEvery(ask, { soonMs, everyMs }, signal) {
  let timer;
  let isAsking = false;
  let isWished = false;
  let asked = -Infinity;

  function wish() {
    isWished = true;
    if (isAsking || timer !== undefined || signal.aborted) return;
    timer = setTimeout(run, Math.max(soonMs, asked + everyMs - performance.now()));
  }

  async function run() {
    timer = undefined;
    isWished = false;
    isAsking = true;
    asked = performance.now();
    await ask(signal);
    isAsking = false;
    if (isWished) wish();
  }

  signal.addEventListener('abort', () => clearTimeout(timer));
  return wish;
}
