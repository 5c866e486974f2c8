import type { PolicyPatch } from '@policystore/client/proto';

import { trimPatch } from '../../domain/patch/patch.js';
import { FIELDS, type FieldName } from '../../domain/policy.js';
import type { LoggedChange } from '../change.js';

/** The fields that a watcher asked for. Watchers with the same fields share one filter and its encodings. */
export class Filter {
  /** In the contract's order; empty: all. */
  readonly fields: readonly FieldName[];
  readonly #set: ReadonlySet<FieldName>;

  constructor(fields: readonly FieldName[]) {
    this.#set = new Set(fields);
    this.fields = FIELDS.filter((field) => this.#set.has(field));
  }

  get key(): string {
    return this.fields.join();
  }

  get isWhole(): boolean {
    return this.fields.length === 0;
  }

  /** A change of the overrides concerns everybody: a stop always comes. */
  matches({ effective, overrides }: LoggedChange): boolean {
    return this.isWhole || overrides !== undefined || effective.fields.some((field) => this.#set.has(field));
  }

  trim(patch: PolicyPatch): PolicyPatch {
    return this.isWhole ? patch : trimPatch(patch, this.#set);
  }

  trimNames(fields: readonly FieldName[]): FieldName[] {
    return fields.filter((field) => this.isWhole || this.#set.has(field));
  }
}

/** One filter per set of fields, for as long as somebody watches them: their encodings go with it. */
export class Filters {
  readonly #byFields = new Map<string, { readonly filter: Filter; users: number }>();

  acquire(fields: readonly FieldName[]): Filter {
    const filter = new Filter(fields);
    const known = this.#byFields.get(filter.key);
    if (known === undefined) this.#byFields.set(filter.key, { filter, users: 1 });
    else known.users += 1;
    return known?.filter ?? filter;
  }

  release({ key }: Filter): void {
    const known = this.#byFields.get(key);
    if (known === undefined) return;
    known.users -= 1;
    if (known.users === 0) this.#byFields.delete(key);
  }
}
