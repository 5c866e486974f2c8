import { type AccessFile, parseAccess } from '../../server/src/domain/access/access-file.js';
import { type Access, createAccess } from '../../server/src/engine/access/access.js';

/** Access that a test writes, as a file would have it, and may replace. */
export interface TestAccess extends Access {
  replace(text: string): void;
}

export function accessOf(text: string): TestAccess {
  let current: AccessFile = parseAccess(text, 'access.yaml');
  const listeners = new Set<() => void>();
  const access = createAccess({
    get current() {
      return current;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
  return {
    ...access,
    replace(next) {
      current = parseAccess(next, 'access.yaml');
      for (const listener of [...listeners]) listener();
    },
  };
}
