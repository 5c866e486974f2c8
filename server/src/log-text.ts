/** Entries of one list, map or struct that are spelled out in a line of the log. */
const MAX_ENTRIES = 4;

/** The first few items, and how many more there are. */
export function some<Item>(
  items: readonly Item[],
  separator: string,
  show: (item: Item) => string = String,
): string {
  const rest = items.length > MAX_ENTRIES ? ` and ${String(items.length - MAX_ENTRIES)} more` : '';
  return items.slice(0, MAX_ENTRIES).map(show).join(separator) + rest;
}

/** Text that a caller sent, of bounded length, that cannot break the line. */
export function shorten(text: string, max: number): string {
  const safe = text.slice(0, max + 1).replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Cf}]/gu, ' ');
  return safe.length <= max ? safe : `${safe.slice(0, max - 3)}...`;
}
