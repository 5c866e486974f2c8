/** What the contract has room for. */
const MAX_REASON = 1_024;

/** What a listener threw, as the server takes a reason: not empty, without control characters, not too long. */
export function describe(error: unknown): string {
  let text: string;
  try {
    text = error instanceof Error ? error.message || error.name : String(error);
  } catch {
    text = '';
  }
  const clean = text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  return (clean || 'a listener failed').slice(0, MAX_REASON);
}
