/** A policy, or a part of one, as JSON. */
export type Members = Readonly<Record<string, unknown>>;

const MAPS = ['opp_rankings', 'model_versions', 'system_health', 'custom_params'];
const LISTS = ['allowed_strategies', 'allowed_symbols'];
const OUTPUT_ONLY = ['last_updated', 'trading_state', 'overrides'];

/** What is left of a PATCH once nulls at the top and output-only keys are ignored. */
export function provided(patch: Members): Members {
  const left = Object.entries(patch).filter(([key, value]) => value !== null && !OUTPUT_ONLY.includes(key));
  return Object.fromEntries(left);
}

/** The policy after a PATCH, as DESIGN section 7 says it. */
export function merged(policy: Members, patch: Members): Members {
  const result: Record<string, unknown> = { ...policy };
  for (const [key, value] of Object.entries(provided(patch))) {
    if (MAPS.includes(key)) result[key] = mergedMap(result[key], value);
    else if (LISTS.includes(key)) result[key] = [...new Set(value as string[])];
    else result[key] = value;
  }
  return result;
}

function mergedMap(held: unknown, patch: unknown): unknown {
  if (!isMembers(patch)) return patch;
  const result: Record<string, unknown> = isMembers(held) ? { ...held } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergedMap(result[key], value);
  }
  return result;
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
