import type { Clock } from '../../server/src/clock.js';
import type { Followed, Head, PolicyStore } from '../../server/src/store/store.js';

const POLL_MS = 50;

/**
 * A memory store that answers as one over a network: it confirms what was so when it was asked, again and again, and not
 * for good.
 */
export function polled(store: PolicyStore, clock: Clock): PolicyStore {
  async function* follow(
    namespace: string,
    after: Head,
    signal: AbortSignal,
  ): AsyncGenerator<Followed | 'gap', void, undefined> {
    let { revision } = after;
    while (!signal.aborted) {
      const askedAt = clock.now();
      const page = await store.changes(namespace, { from: revision + 1, to: Number.MAX_SAFE_INTEGER });
      if (!Array.isArray(page)) {
        yield 'gap';
        return;
      }
      revision += page.length;
      yield { entries: page, askedAt };
      await new Promise<void>((resolve) => {
        const goOn = (): void => {
          cancel();
          signal.removeEventListener('abort', goOn);
          resolve();
        };
        const cancel = clock.after(POLL_MS, goOn);
        signal.addEventListener('abort', goOn);
      });
    }
  }
  return { ...store, follow };
}
