import { api } from '../api/policy-api.js';
import { Problem } from '../api/problem.js';
import { judgeAll } from './judge.js';
import { freshBase } from './live.js';
import { sameJson } from './patch.js';

/** How often others may be first before the writer is told. */
const TRIES = 6;
const UNSETTLED =
  'Something of this was changed meanwhile by somebody else, or is not valid any more. Nothing was written.';
const UNSEEN =
  'Somebody else has changed this since it was shown. Nothing was written. Look at what would change now, and confirm again.';

/**
 * Writes all drafts in one step, on the base as it is now: where that moved in other places the drafts stand on it, where
 * it moved in the same places nothing is written.
 * @throws Problem
 */
export async function saveDrafts(namespace, context, { reason, validateOnly = false }) {
  return onFreshBase(namespace, async ({ base, version }) => {
    const judged = judgeAll(namespace, base, context);
    if (judged.some(({ errors, conflicts }) => errors.length > 0 || conflicts.length > 0)) {
      throw new Problem(UNSETTLED);
    }
    if (judged.length === 0) return { nothing: true, version, masked: [] };
    const body = Object.fromEntries(judged.map(({ field, patch }) => [field, patch]));
    if (validateOnly) return await api.patch(namespace, body, { version, validateOnly });
    return await asOneRequest([namespace, body, version, reason], (id) =>
      api.patch(namespace, body, { version, reason, id }),
    );
  });
}

/**
 * Runs a write that replaces `fields` whatever they are, if they are as they were shown to whoever confirmed it.
 * @param {object} shown the base
 * @throws Problem
 */
export function onShownBase(namespace, shown, fields, write) {
  return onFreshBase(namespace, (fresh) => {
    if (fields.some((field) => !sameJson(fresh.base[field], shown[field]))) throw new Problem(UNSEEN);
    return write(fresh);
  });
}

/** Runs a write on the base as it is now, and again where somebody else was first. */
async function onFreshBase(namespace, write) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await write(await freshBase(namespace));
    } catch (problem) {
      if (problem.status !== 412 || tries === TRIES) throw problem;
    }
  }
}

const NONE = { key: '', id: '' };
let unanswered = NONE;

/**
 * Makes a write under an id. Tried again with the same content after its answer was lost it keeps the id, and is never
 * applied twice. Once it was answered the same content is another write: who bans a symbol again, after somebody has restored
 * it, means it.
 * @param {unknown} content what makes it the same write
 * @param {(id: string) => Promise<any>} write
 */
export async function asOneRequest(content, write) {
  const key = JSON.stringify(content);
  if (unanswered.key !== key) unanswered = { key, id: randomId() };
  const answer = await write(unanswered.id);
  if (unanswered.key === key) unanswered = NONE;
  return answer;
}

/** crypto.randomUUID is only there on secure origins. */
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `console-${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
