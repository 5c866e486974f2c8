import type { Clock } from '../../clock.js';
import type { Link } from './link.js';
import type { Session } from './session.js';

export interface ListenerOptions {
  /** One connection of its own, whose notifications somebody takes. */
  readonly link: Link;
  readonly clock: Clock;
  /** How often it is seen to that the connection still listens, in milliseconds. */
  readonly everyMs: number;
  /** It listens anew, or cannot: what was told meanwhile is missed. */
  readonly onChange: () => void;
}

export interface Listener {
  /** Sees at once to it that the connection still listens. */
  check(): void;
  stop(): void;
}

/**
 * Keeps a connection listening for commits, until stopped. Nothing depends on it but how soon they are heard of, so
 * what fails is only tried again.
 */
export function startListener(options: ListenerOptions): Listener {
  const { link, clock, everyMs, onChange } = options;
  const listening = new WeakSet<Session>();
  let stopped = false;
  let cancel = (): void => undefined;

  async function listen(): Promise<void> {
    // Repeated on the same connection it only shows that this lives.
    await link.run(async (session) => {
      await session.query('LISTEN policystore');
      if (listening.has(session)) return;
      listening.add(session);
      onChange();
    });
  }

  function repeat(): void {
    cancel();
    listen()
      .catch(onChange)
      .finally(() => {
        cancel();
        if (!stopped) cancel = clock.after(everyMs, repeat);
      });
  }

  repeat();
  return {
    check: repeat,
    stop() {
      stopped = true;
      cancel();
    },
  };
}
