/** A trading day in minutes, from 9:30 to 16:00. */
export const DAY_MINUTES = 390;

const OPENS_AT = 9 * 60 + 30;

/** `12:05` */
export function clockTime(minute: number): string {
  const time = OPENS_AT + minute;
  return `${pad(Math.floor(time / 60))}:${pad(time % 60)}`;
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}
