import { type Member, MemberState, type Missing, type Selector } from '@policystore/client/proto';

import type { Expected } from '../types.js';

/** Who was asked about. */
export class Chosen {
  readonly #components: ReadonlySet<string>;
  readonly #instances: ReadonlySet<string>;

  constructor({ components, instances }: Selector) {
    this.#components = new Set(components);
    this.#instances = new Set(instances);
  }

  has({ component, instance }: Pick<Member, 'component' | 'instance'>): boolean {
    const isOfKind = this.#components.size === 0 || this.#components.has(component);
    return isOfKind && (this.#instances.size === 0 || this.#instances.has(instance));
  }

  /** Of those that are expected or named, which are not there. */
  missingFrom(members: readonly Member[], expected: readonly Expected[]): Missing[] {
    const present = members.filter(
      ({ state }) => state !== MemberState.UNSPECIFIED && state !== MemberState.LOST,
    );
    if (this.#instances.size > 0) {
      const found = new Set(present.map(({ instance }) => instance)).size;
      return lacking({ component: '', expected: this.#instances.size, present: found });
    }
    return this.#wanted(expected).flatMap(([component, count]) =>
      lacking({
        component,
        expected: count,
        present: countPrograms(present.filter((member) => member.component === component)),
      }),
    );
  }

  #wanted(expected: readonly Expected[]): [component: string, count: number][] {
    const counts = new Map(expected.map(({ component, count }) => [component, count]));
    if (this.#components.size === 0) return [...counts];
    return [...this.#components].map((component) => [component, counts.get(component) ?? 1]);
  }
}

/** Several streams of one program count once; those that do not name themselves are all different. */
function countPrograms(members: readonly Member[]): number {
  return new Set(members.map(({ instance, watcherId }) => (instance === '' ? watcherId : `=${instance}`)))
    .size;
}

function lacking(missing: Missing): Missing[] {
  return missing.present < missing.expected ? [missing] : [];
}
