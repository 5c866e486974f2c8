import type { Override, OverridesChange } from '@policystore/client/proto';

import type { FieldWrite } from './fields.js';
import { overrideFromJson, overrideJson } from './override-json.js';
import { changeOverrides, type Overrides } from './overrides.js';
import type { Json } from './policy.js';

/** The flat field of an override is this and its name; `policyFromFields` leaves names that begin with `@` alone. */
const PREFIX = '@override:';

/** What a change of the overrides does to the flat fields of the store. */
export function overrideWrites({ before, after }: OverridesChange): FieldWrite[] {
  const kept = new Set(after.map(({ name }) => name));
  const removed = before.filter(({ name }) => !kept.has(name));
  return [
    ...removed.map(({ name }): FieldWrite => [PREFIX + name, null]),
    ...after.map((override): FieldWrite => [PREFIX + override.name, JSON.stringify(overrideJson(override))]),
  ];
}

/**
 * The overrides that the flat fields hold.
 * @throws Error naming a field that is not what was written, and how to mend it.
 */
export function overridesFromFields(fields: ReadonlyMap<string, string>): Overrides {
  const after: Override[] = [];
  for (const [field, text] of fields) {
    if (field.startsWith(PREFIX)) after.push(decode(field, text));
  }
  return changeOverrides([], { before: [], after });
}

function decode(field: string, text: string): Override {
  try {
    const override = overrideFromJson(JSON.parse(text) as Json);
    if (override !== undefined && PREFIX + override.name === field) return override;
  } catch {
    // Told below.
  }
  throw new Error(
    `stored field ${JSON.stringify(field)} is corrupt; restore the store from a backup, or delete the field: the ` +
      'override is then gone',
  );
}
