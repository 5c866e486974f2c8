import { type Json } from '@policystore/client';

/** Control characters, line ends, and what turns the direction of writing. */
const OBEYED = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** In characters. */
const LONGEST = 160;

/** Text that others wrote, without what a terminal would obey: it can neither draw over the screen nor look like other text. */
export function plain(text: string): string {
  return text.replaceAll(OBEYED, '\u{fffd}');
}

/** The name of an enum's value; a newer server may have more. */
export function nameOf(names: Readonly<Record<number, string>>, value: number): string {
  return names[value] ?? 'UNKNOWN';
}

/** A value as people read it: a text without quotes, all else as JSON. */
export function valueText(value: Json): string {
  return plain(typeof value === 'string' ? value : JSON.stringify(value));
}

/** As valueText, of which no more is shown than a table bears. */
export function shortText(value: Json): string {
  const text = valueText(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** `3.2 s`, `850 ms` */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 2 * 3_600_000) return `${Math.round(ms / 60_000)} min`;
  return `${Math.round(ms / 3_600_000)} h`;
}

/** In UTC, to the millisecond: `2026-11-20 14:03:07.250Z` */
export function timeText(time: Date | undefined): string {
  return time?.toISOString().replace('T', ' ') ?? '-';
}

/** `1 field`, `2 fields` */
export function count(number: number, one: string, several = `${one}s`): string {
  return `${number} ${number === 1 ? one : several}`;
}
