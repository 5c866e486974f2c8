import { createHash } from 'node:crypto';

import { canonicalText } from '../../domain/canonical-text.js';
import { PolicyError } from '../../errors.js';
import type { HistoryQuery } from '../types.js';
import type { Place } from './log-reader.js';

/** What a token is bound to: all of the query but where its pages begin and how long they are. */
export function filterDigest(namespace: string, query: HistoryQuery): string {
  const { actor, fields, kinds, from, to } = query;
  const filters = [namespace, actor, [...fields].sort(), [...kinds].sort(), from ?? null, to ?? null];
  return createHash('sha256').update(canonicalText(filters)).digest('base64url').slice(0, 16);
}

/** Leads to the changes before `last`. */
export function encodePageToken({ revision, id }: Place, digest: string): string {
  return encode([revision, id, digest]);
}

/** @throws PolicyError PAGE_TOKEN_INVALID */
export function decodePageToken(token: string, digest: string): Place {
  const parts = parse(token);
  const [revision, id, bound] = Array.isArray(parts) ? (parts as unknown[]) : [];
  const isRevision = Number.isSafeInteger(revision) && (revision as number) >= 1;
  // Its parts first: what is nested deeply cannot be encoded.
  if (isRevision && typeof id === 'string' && bound === digest && encode([revision, id, bound]) === token) {
    return { revision: revision as number, id };
  }
  throw invalidPageToken('it is not one that this query was given');
}

export function invalidPageToken(why: string): PolicyError {
  return new PolicyError(
    'PAGE_TOKEN_INVALID',
    `page_token cannot be used: ${why}. Use a token with the same namespace and filters as the page that gave it, ` +
      'or begin without one.',
  );
}

function encode(parts: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

function parse(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch {
    return undefined;
  }
}
