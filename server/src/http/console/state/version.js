/** The parts of a version, "epoch:revision". */
export function epochOf(version = '') {
  return version.slice(0, version.lastIndexOf(':'));
}

export function revisionOf(version = '') {
  return Number(version.slice(version.lastIndexOf(':') + 1));
}

/** Whether what is held is the version, or comes after it. */
export function includes(held, version) {
  return epochOf(held) === epochOf(version) && revisionOf(held) >= revisionOf(version);
}
