import { type PolicyClient } from '../client.js';
import { isJsonObject, type Json, type JsonObject } from '../json.js';
import { type CallOptions } from '../options.js';
import { shortenReason } from '../reason.js';
import { type WriteResult } from '../results.js';
import { revise } from './revise.js';

/** Component to how it does; what it says is free. Members that are null count as not there. */
export type Health = Readonly<Record<string, JsonObject>>;

/**
 * Keeps `systemHealth`, by component. Only what differs is written, as a merge patch. It owns the field: one monitor for
 * all components.
 */
export class HealthMonitor {
  /** The name of its client, under which the server lets it write its field. */
  static readonly role = 'health_monitor';

  readonly #client: PolicyClient;

  constructor(client: PolicyClient) {
    this.#client = client;
  }

  /**
   * Tells how all components do. Those that are not given any more are removed.
   *
   * @returns Undefined where it is so already. Rejects as PolicyClient.
   */
  async observe(health: Health, options?: CallOptions): Promise<WriteResult | undefined> {
    return revise(
      this.#client,
      ({ systemHealth }) => {
        const patch = mergeDiff(systemHealth, health);
        const names = Object.keys(patch);
        if (names.length === 0) return undefined;
        const text = names.map((name) => (patch[name] === null ? `${name} is gone` : name)).join(', ');
        return { patch: { systemHealth: patch }, reason: shortenReason(`health of ${text}`) };
      },
      options,
    );
  }
}

/** The merge patch (RFC 7396) that makes `to` out of `from`. Empty: they are the same. */
export function mergeDiff(from: JsonObject, to: JsonObject): JsonObject {
  // Without a prototype, so that a key named __proto__ is a key like any other, which the server refuses.
  const patch = Object.create(null) as Record<string, Json>;
  for (const key of Object.keys(from)) if (member(to, key) === undefined) patch[key] = null;
  for (const key of Object.keys(to)) {
    const before = member(from, key);
    const after = member(to, key);
    if (after === undefined) continue;
    if (!isJsonObject(after)) {
      if (!isSame(before, after)) patch[key] = after;
    } else if (!isJsonObject(before)) patch[key] = mergeDiff({}, after);
    else {
      const inner = mergeDiff(before, after);
      if (Object.keys(inner).length > 0) patch[key] = inner;
    }
  }
  return patch;
}

function member(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? (object[key] ?? undefined) : undefined;
}

/** Of values that are no objects. Arrays that hold objects with their members in another order count as different. */
function isSame(a: Json | undefined, b: Json): boolean {
  return a !== undefined && JSON.stringify(a) === JSON.stringify(b);
}
