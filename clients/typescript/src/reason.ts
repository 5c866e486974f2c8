/** What servers take of a reason, in characters. */
const MAX_REASON = 1_024;

export function shortenReason(reason: string): string {
  return reason.length <= MAX_REASON ? reason : `${reason.slice(0, MAX_REASON - 1)}…`;
}
