import type { Policy } from '@policystore/client';

import { isMap } from '../../support/canonical.js';

/** What no patch names. */
const BESIDES: ReadonlySet<string> = new Set<keyof Policy>(['lastUpdated', 'tradingState', 'overrides']);

/** The ten fields as text; entries of maps and members of structs in a fixed order. */
export function canonical(policy: Policy): string {
  const fields = Object.entries(policy).filter(([name]) => !BESIDES.has(name));
  return JSON.stringify(sorted(fields), (_key, value: unknown) => {
    if (isMap(value)) return sorted(value);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return sorted(Object.entries(value));
  });
}

function sorted(entries: Iterable<[string, unknown]>): [string, unknown][] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
}
