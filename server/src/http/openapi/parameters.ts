import { FIELDS, type JsonObject } from '../../domain/policy.js';

interface Parameter {
  readonly description: string;
  readonly schema: JsonObject;
}

const text: JsonObject = { type: 'string' };
const version: JsonObject = { type: 'string', pattern: String.raw`^[\w.-]+:\d+$` };
const names: Parameter['schema'] = { type: 'string' };

/** Parameters behind the path. */
export const QUERY: Readonly<Record<string, Parameter>> = {
  namespace: { description: 'Default: default.', schema: text },
  view: { description: 'Default: effective.', schema: { type: 'string', enum: ['effective', 'base'] } },
  validate_only: {
    description: 'With true everything is checked and nothing is changed: the answer shows what would be.',
    schema: { type: 'boolean' },
  },
  delivery: {
    description: 'snapshots (default): the whole policy each time; patches: what changed.',
    schema: { type: 'string', enum: ['snapshots', 'patches'] },
  },
  fields: { description: `Names separated by commas, of ${FIELDS.join(', ')}. Default: all.`, schema: names },
  heartbeat_ms: {
    description: 'A stream is never silent for longer. Default: 5000.',
    schema: { type: 'integer', minimum: 1000, maximum: 60_000 },
  },
  component: { description: 'Kinds of programs, such as executor; a watch has one.', schema: names },
  instance: { description: 'Tells programs of one kind apart.', schema: text },
  last_event_id: { description: 'As Last-Event-ID, where a header cannot be sent.', schema: version },
  page_size: { description: 'Default: 50.', schema: { type: 'integer', minimum: 0, maximum: 500 } },
  page_token: { description: 'The next_page_token of the page before.', schema: text },
  actor: { description: 'Who made the change, exactly.', schema: text },
  kinds: { description: 'Kinds of changes separated by commas, such as PATCH,OVERRIDE.', schema: names },
  from: { description: 'The earliest commit time.', schema: text },
  to: { description: 'The latest commit time.', schema: text },
  time: { description: 'ISO 8601, such as 2026-01-31T12:00:00Z. Required.', schema: text },
  epoch: { description: 'Of which the revision is. Default: of whichever the log holds it.', schema: text },
  version: { description: 'Asks who has applied it, or a later one.', schema: version },
  timeout_ms: {
    description: 'How long to wait with a version. Default: 1000.',
    schema: { type: 'integer', minimum: 0, maximum: 60_000 },
  },
};

/** Parts of paths. */
export const PATH: Readonly<Record<string, Parameter>> = {
  mode: { description: 'AGGRESSIVE, NORMAL or DEFENSIVE, in any letter case.', schema: text },
  revision: { description: 'A revision.', schema: { type: 'integer', minimum: 1 } },
  name: { description: 'The name of an override.', schema: text },
};

/** Headers of requests. */
export const HEADERS: Readonly<Record<string, Parameter>> = {
  'X-Policy-Client': {
    description:
      'What the caller calls itself, where it need not prove it. Required of a browser that changes something, as a guard ' +
      'against pages of others.',
    schema: text,
  },
  'X-Request-Id': { description: 'Answered as it was sent, and logged.', schema: text },
  'If-Match': {
    description: 'The ETag that must be the current one, else 412; or *.',
    schema: text,
  },
  'If-None-Match': {
    description: 'ETags that the caller knows: 304 where one is the current.',
    schema: text,
  },
  'Idempotency-Key': {
    description: 'A retry with the same one gets the first outcome. At most 128 characters.',
    schema: { type: 'string', maxLength: 128 },
  },
  'X-Policy-Reason': { description: 'Why, as text in UTF-8 of at most 1,024 characters.', schema: text },
  'Last-Event-ID': { description: 'Go on behind this event.', schema: version },
};
