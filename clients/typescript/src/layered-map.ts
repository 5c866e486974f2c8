import { inspect } from 'node:util';

/** Change of a dictionary, in this order: clear, remove, put. */
export interface EntriesPatch<V> {
  readonly clear: boolean;
  readonly remove: readonly string[];
  readonly put: ReadonlyMap<string, V>;
}

const REMOVED = Symbol('removed');
const NONE: ReadonlySet<never> = new Set();

/** A smaller map is quicker copied. */
const LEAST_BASE = 256;

/**
 * The entries after a patch; the map given stays as it is. The order of the entries is that of a Map to which the same
 * was done. The cost follows the patch and the square root of the map's size, for results share what they can.
 */
export function patchEntries<V extends string | number>(
  map: ReadonlyMap<string, V>,
  patch: EntriesPatch<V>,
): ReadonlyMap<string, V> {
  if (patch.clear) return new Map(patch.put);
  const layers: Layers<V> =
    map instanceof LayeredMap
      ? (map as LayeredMap<V>).layers
      : { base: map, overlay: new Map(), moved: NONE };
  const changes = layers.overlay.size + patch.remove.length + patch.put.size;
  // Copying the overlay each time then costs as much as copying the base now and then.
  const isLarge = layers.base.size >= LEAST_BASE && changes <= Math.sqrt(2 * layers.base.size);
  return isLarge ? new LayeredMap(patchLayers(layers, patch)) : patchMap(flatten(layers), patch);
}

function patchMap<V>(map: Map<string, V>, { remove, put }: EntriesPatch<V>): Map<string, V> {
  for (const key of remove) map.delete(key);
  for (const [key, value] of put) map.set(key, value);
  return map;
}

interface Layers<V> {
  readonly base: ReadonlyMap<string, V>;
  /** What differs from the base: new values, removed keys, and keys that the base lacks. */
  readonly overlay: ReadonlyMap<string, V | typeof REMOVED>;
  /** Keys of the base that were removed and put again: their place is that in the overlay. */
  readonly moved: ReadonlySet<string>;
}

function patchLayers<V>({ base, overlay, moved }: Layers<V>, { remove, put }: EntriesPatch<V>): Layers<V> {
  const next = new Map(overlay);
  const nextMoved = new Set(moved);
  for (const key of remove) {
    if (base.has(key)) next.set(key, REMOVED);
    else next.delete(key);
    nextMoved.delete(key);
  }
  for (const [key, value] of put) {
    if (next.get(key) === REMOVED) {
      next.delete(key);
      nextMoved.add(key);
    }
    next.set(key, value);
  }
  return { base, overlay: next, moved: nextMoved.size === 0 ? NONE : nextMoved };
}

function flatten<V>({ base, overlay, moved }: Layers<V>): Map<string, V> {
  const map = new Map(base);
  for (const [key, value] of overlay) {
    if (value === REMOVED || moved.has(key)) map.delete(key);
    if (value !== REMOVED) map.set(key, value);
  }
  return map;
}

/** A map that shares most of its entries with the one that it was made of. Values are never undefined. */
class LayeredMap<V> implements ReadonlyMap<string, V> {
  /** People, and deep comparisons, see a Map. */
  readonly [Symbol.toStringTag] = 'Map';
  readonly layers: Layers<V>;
  readonly size: number;
  // Fields of its own make the look-up quicker.
  readonly #base: ReadonlyMap<string, V>;
  readonly #overlay: ReadonlyMap<string, V | typeof REMOVED>;

  constructor(layers: Layers<V>) {
    this.layers = layers;
    this.#base = layers.base;
    this.#overlay = layers.overlay;
    let { size } = layers.base;
    for (const [key, value] of layers.overlay) {
      if (value === REMOVED) size -= 1;
      else if (!layers.base.has(key)) size += 1;
    }
    this.size = size;
  }

  get(key: string): V | undefined {
    const value = this.#overlay.get(key);
    if (value === undefined) return this.#base.get(key);
    return value === REMOVED ? undefined : value;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  *entries(): Generator<[string, V], undefined> {
    const { base, overlay, moved } = this.layers;
    for (const entry of base) {
      const value = overlay.get(entry[0]);
      if (value === undefined) yield entry;
      else if (value !== REMOVED && !moved.has(entry[0])) yield [entry[0], value];
    }
    for (const [key, value] of overlay) {
      if (value !== REMOVED && (moved.has(key) || !base.has(key))) yield [key, value];
    }
    return undefined;
  }

  *keys(): Generator<string, undefined> {
    for (const [key] of this.entries()) yield key;
    return undefined;
  }

  *values(): Generator<V, undefined> {
    for (const [, value] of this.entries()) yield value;
    return undefined;
  }

  forEach(callback: (value: V, key: string, map: ReadonlyMap<string, V>) => void, thisArg?: unknown): void {
    for (const [key, value] of this.entries()) callback.call(thisArg, value, key, this);
  }

  [Symbol.iterator](): Generator<[string, V], undefined> {
    return this.entries();
  }

  [inspect.custom](): ReadonlyMap<string, V> {
    return new Map(this);
  }
}
