import type { Override } from '@policystore/client/proto';

import { compare, type Direction, type Ordered, type OrderedField } from '../compare.js';
import { isLimited } from '../effective.js';
import { actorsOf } from '../overrides.js';
import type { FieldName } from '../policy.js';
import type { Right, Rights } from './rights.js';

/** A part of a change that the rights do not allow. */
export interface Refused {
  readonly field: FieldName | 'overrides';
  /** What is not allowed, in words: the end of "you may not". */
  readonly what: string;
  /** Whether these rights would allow it. */
  readonly allows: (rights: Rights) => boolean;
}

/** Of the fields that a change of the base really changed, those that it may not change like that. */
export function refusedFields(
  rights: Rights,
  fields: readonly FieldName[],
  before: Ordered,
  after: Ordered,
): Refused[] {
  return fields
    .filter((field) => !rights.write.has(field))
    .map((field) => refusedField(field, isOrdered(field) ? compare(before, after, field) : 'looser'))
    .filter(({ allows }) => !allows(rights));
}

function isOrdered(field: FieldName): field is OrderedField {
  return isLimited(field);
}

function refusedField(field: FieldName, direction: Direction): Refused {
  const isTighter = direction === 'tighter';
  return {
    field,
    what: isTighter ? `tighten ${field}` : isOrdered(field) ? `loosen ${field}` : `change ${field}`,
    allows: ({ write, tighten }) => write.has(field) || (isTighter && tighten.has(field)),
  };
}

/** What putting an override in force needs and the rights lack. */
export function refusedTrip(rights: Rights, { hasTtl }: { readonly hasTtl: boolean }): Refused[] {
  const needed = [
    needs('trip', 'put overrides in force'),
    ...(hasTtl ? [needs('restoreOwn', 'give an override a ttl, which restores it in advance')] : []),
  ];
  return needed.filter(({ allows }) => !allows(rights));
}

/** What restoring an override needs and the rights lack, for who is called `actor`. */
export function refusedRestore(rights: Rights, actor: string, override: Override): Refused[] {
  const actors = actorsOf(override);
  const isOwn = actors.includes(actor);
  const name = JSON.stringify(override.name);
  const isShared = isOwn && actors.length > 1;
  const needed = [
    ...(isOwn ? [needs('restoreOwn', `restore the override ${name}, which you put in force yourself`)] : []),
    ...(!isOwn || isShared
      ? [
          needs(
            'restoreOthers',
            `restore the override ${name}, which ${actors.filter((each) => each !== actor).join(' and ')} put in force`,
          ),
        ]
      : []),
  ];
  return needed.filter(({ allows }) => !allows(rights));
}

function needs(right: Right, what: string): Refused {
  return { field: 'overrides', what, allows: (rights) => rights[right] };
}
