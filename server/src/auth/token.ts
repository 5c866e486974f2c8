import { createHash, randomBytes } from 'node:crypto';

/** Tells what it is where somebody finds one. */
const PREFIX = 'pst_';
const BYTES = 32;

/** A new token: 256 random bits. */
export function createToken(): string {
  return PREFIX + randomBytes(BYTES).toString('base64url');
}

/** Whether a text is a token rather than, say, the name of a file. */
export function isToken(text: string): boolean {
  return text.startsWith(PREFIX);
}

/** All that the server keeps of a token. So many random bits cannot be guessed from it, nor need it be slow. */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
