import { shortenReason } from '../reason.js';

/** What a listener threw, as the server takes a reason: not empty, without control characters, not too long. */
export function describe(error: unknown): string {
  let text: string;
  try {
    text = error instanceof Error ? error.message || error.name : String(error);
  } catch {
    text = '';
  }
  const clean = text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  return shortenReason(clean || 'a listener failed');
}
