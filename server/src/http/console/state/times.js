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

export function fullTime(at) {
  return `${readTime(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' })}`;
}

/** Milliseconds for people. */
export function durationText(ms) {
  return ms < 1000
    ? `${Math.round(ms)} ms`
    : ms < 60_000
      ? `${(ms / 1000).toFixed(1)} s`
      : lengthText(ms / 1000);
}
