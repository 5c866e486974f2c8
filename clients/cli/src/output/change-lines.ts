import { type ValueChange } from '../change/changes.js';
import { type Palette } from './palette.js';
import { plain, valueText } from './text.js';

/** How many changes of a field are shown to people; data has them all. */
const MOST_LINES = 20;
/** How many changes stand in one line. */
const MOST_INLINE = 8;

/** A diff, a line per change: `max_positions  5 → 12`, `allowed_symbols  + SOLUSDT`. */
export function changeLines(changes: readonly ValueChange[], palette: Palette): string[] {
  const width = Math.min(40, Math.max(...changes.map(({ path }) => path.length)));
  return [...byField(changes)].flatMap(([field, own]) => {
    const shown = own.slice(0, MOST_LINES);
    const lines = shown.map(
      (change) => `  ${plain(change.path).padEnd(width)}  ${stepText(change, palette)}`,
    );
    const more = own.slice(MOST_LINES);
    return more.length > 0 ? [...lines, palette.dim(`  ${field}: ${moreText(more)}`)] : lines;
  });
}

/** The same in one line: `max_positions 5 → 12, allowed_symbols + SOLUSDT`. */
export function changesInline(changes: readonly ValueChange[], palette: Palette): string {
  const shown = changes
    .slice(0, MOST_INLINE)
    .map((change) => `${plain(change.path)} ${stepText(change, palette)}`);
  const more = changes.length - shown.length;
  return [...shown, ...(more > 0 ? [`${more} more`] : [])].join(', ');
}

/** `5 more (2 +, 3 -)`: that something comes is not to be missed among what goes. */
function moreText(changes: readonly ValueChange[]): string {
  const added = changes.filter(({ before }) => before === undefined).length;
  const removed = changes.filter(({ before, after }) => before !== undefined && after === undefined).length;
  const kinds = [...(added > 0 ? [`${added} +`] : []), ...(removed > 0 ? [`${removed} -`] : [])];
  return `${changes.length} more${kinds.length > 0 ? ` (${kinds.join(', ')})` : ''}`;
}

function stepText({ before, after }: ValueChange, palette: Palette): string {
  if (before === undefined) return palette.after(`+ ${valueText(after ?? null)}`);
  if (after === undefined) return palette.before(`- ${valueText(before)}`);
  return `${palette.before(valueText(before))} → ${palette.after(valueText(after))}`;
}

function byField(changes: readonly ValueChange[]): Map<string, ValueChange[]> {
  const fields = new Map<string, ValueChange[]>();
  for (const change of changes) {
    const [field = ''] = change.path.split('.');
    const own = fields.get(field);
    if (own) own.push(change);
    else fields.set(field, [change]);
  }
  return fields;
}
