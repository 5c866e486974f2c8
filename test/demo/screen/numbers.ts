export function percent(share: number, digits = 1): string {
  // No "-0.0".
  const text = (share * 100).toFixed(digits);
  return `${Number(text) === 0 ? text.replace('-', '') : text} %`;
}

export function count(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

export function ms(duration: number): string {
  if (duration >= 1000) return `${(duration / 1000).toFixed(1)} s`;
  return `${duration.toFixed(duration < 10 ? 2 : 1)} ms`;
}

export function plural(many: number, noun: string): string {
  return `${count(many)} ${noun}${many === 1 ? '' : 's'}`;
}
