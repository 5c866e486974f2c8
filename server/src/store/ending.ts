/** The end of something that others wait in. */
export interface Ending {
  readonly isOver: boolean;
  /** Lets go of all that is awaited in it. */
  end(): void;
  /** What `promise` gives, or undefined if the end comes first. Nothing is kept of a promise that has settled. */
  race<T>(promise: Promise<T>): Promise<T | undefined>;
}

/** Unlike a race against one long-lived promise, which keeps all that ever raced it. */
export function createEnding(): Ending {
  const waiting = new Set<() => void>();
  let isOver = false;
  return {
    get isOver() {
      return isOver;
    },
    end() {
      isOver = true;
      for (const letGo of waiting) letGo();
    },
    async race(promise) {
      let letGo: () => void = () => undefined;
      const ended = new Promise<undefined>((resolve) => {
        letGo = () => {
          resolve(undefined);
        };
      });
      if (isOver) letGo();
      waiting.add(letGo);
      try {
        return await Promise.race([promise, ended]);
      } finally {
        waiting.delete(letGo);
      }
    },
  };
}
