/**
 * How the checkpoint's fields are named in the state hash. Names with a single @ are the store's own, such as
 * @head, so a field that begins with @ gets another one.
 */
export function storedName(field: string): string {
  return field.startsWith('@') ? `@${field}` : field;
}

/** The field of a stored name; undefined: the store's own. */
export function fieldName(stored: string): string | undefined {
  if (!stored.startsWith('@')) return stored;
  return stored.startsWith('@@') ? stored.slice(1) : undefined;
}
