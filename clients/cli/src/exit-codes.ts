import { PolicyStoreError, type StatusName } from '@policystore/client';

import { UsageError } from './usage-error.js';

/** What a script can tell the end of a command by. */
export const ExitCode = {
  OK: 0,
  FAILURE: 1,
  USAGE: 2,
  CONFLICT: 3,
  DENIED: 4,
  UNAVAILABLE: 5,
  NOT_APPLIED: 6,
} as const;

export const EXIT_CODES_HELP = `
Exit codes:
  0  done, or there was nothing to do
  1  failure: refused by a rule or a guardrail, not found, or not confirmed
  2  usage: the command line, a file or a profile is wrong; or a question was due and nobody there to answer
  3  conflict: somebody else changed it meanwhile
  4  denied: no identity, or no right
  5  unavailable: no server answered, or it or its store could not do it now
  6  done, and not applied everywhere, or not stored yet (trip, override, wait, --wait)
130  interrupted by Ctrl-C`;

const BY_STATUS: Partial<Record<StatusName, number>> = {
  ABORTED: ExitCode.CONFLICT,
  PERMISSION_DENIED: ExitCode.DENIED,
  UNAUTHENTICATED: ExitCode.DENIED,
  UNAVAILABLE: ExitCode.UNAVAILABLE,
  DEADLINE_EXCEEDED: ExitCode.UNAVAILABLE,
  RESOURCE_EXHAUSTED: ExitCode.UNAVAILABLE,
};

export function exitCodeOf(error: unknown): number {
  if (error instanceof PolicyStoreError) return BY_STATUS[error.code] ?? ExitCode.FAILURE;
  // The client throws TypeError and RangeError for options that it cannot use.
  if (error instanceof UsageError || error instanceof TypeError || error instanceof RangeError) {
    return ExitCode.USAGE;
  }
  return ExitCode.FAILURE;
}
