const STEPS = [
  [60, 1, 's'],
  [3600, 60, 'min'],
  [86_400, 3600, 'h'],
  [Infinity, 86_400, 'd'],
];

/** Seconds for people. */
export function lengthText(seconds) {
  const [, unit, name] = STEPS.find(([below]) => seconds < below);
  return `${Math.floor(seconds / unit)} ${name}`;
}

/** Times without a suffix are UTC too. */
export function readTime(text) {
  return new Date(/[zZ]|[+-]\d\d:\d\d$/.test(text) ? text : `${text}Z`);
}

const FULL = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
  timeZoneName: 'short',
});

/** In the browser's zone, which is named with it. */
export function fullTime(at) {
  return FULL.format(readTime(at));
}

/** The browser's zone, such as CET. */
export function zoneText() {
  return FULL.formatToParts(new Date()).find(({ type }) => type === 'timeZoneName').value;
}

/** Milliseconds for people. */
export function durationText(ms) {
  return ms < 1000
    ? `${Math.round(ms)} ms`
    : ms < 60_000
      ? `${(ms / 1000).toFixed(1)} s`
      : lengthText(ms / 1000);
}
