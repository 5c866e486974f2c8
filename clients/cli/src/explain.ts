import { PolicyStoreError } from '@policystore/client';

import { plain } from './output/text.js';

/** What went wrong and how to mend it, as lines for people. */
export function explain(error: unknown): string[] {
  if (!(error instanceof PolicyStoreError)) {
    return [`policyctl: ${error instanceof Error ? error.message : String(error)}`];
  }
  const hint = hintFor(error);
  return [
    ...(error.violations.length > 0
      ? [`policyctl: refused (${reasonOf(error)})`, ...error.violations.map(violationLine)]
      : [`policyctl: ${messageOf(error)} (${reasonOf(error)})`]),
    ...(hint === undefined ? [] : [`  ${hint}`]),
  ];
}

/** Without what the transport adds and nobody can use. */
export function messageOf({ message }: PolicyStoreError): string {
  return plain(message.replace(/\.? Resolution note: *$/, ''));
}

/** `VERSION_MISMATCH`, or the status where there is no reason. */
export function reasonOf({ reason, code }: PolicyStoreError): string {
  return reason ?? code;
}

export function violationLine({ field, description }: PolicyStoreError['violations'][number]): string {
  return plain(`  ${field}: ${description}`);
}

const HINTS: Readonly<Record<string, string>> = {
  VERSION_MISMATCH: 'Look again (policyctl get, policyctl history), then decide again.',
  FIELD_MASKED:
    'Use += and -= instead of =; or look at `policyctl get --base` and give its version with --expect-version.',
  OUTCOME_UNKNOWN: 'It may have happened, or happen yet: look at `policyctl history` before you repeat it.',
  NAMESPACE_UNKNOWN: 'Give one of them with --namespace, a profile, or POLICY_NAMESPACE.',
  REVISION_UNKNOWN: '`policyctl history` lists the revisions that there are.',
  REVISION_COMPACTED: '`policyctl history` lists the revisions that are still kept.',
  OVERRIDE_LOOSENS: 'Restore it first (policyctl restore NAME), or give it another name.',
  STORE_UNAVAILABLE: 'The server is there and its store is not: see the log of the server.',
  UNAVAILABLE: 'Is the server running? --addr, a profile (--profile) or POLICY_ADDR say where it is.',
  DEADLINE_EXCEEDED:
    'Is the address right, and TLS on both sides or on neither? --deadline gives it more time.',
};

function hintFor(error: PolicyStoreError): string | undefined {
  if (error.code === 'UNAUTHENTICATED') {
    return 'Show who you are: POLICY_TOKEN, or a profile with token_file, or with cert and key under tls.';
  }
  return HINTS[reasonOf(error)];
}
