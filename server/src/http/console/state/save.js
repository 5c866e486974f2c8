import { api } from '../api/policy-api.js';
import { Problem } from '../api/problem.js';
import { judgeAll } from './judge.js';
import { freshBase } from './live.js';

/** How often others may be first before the writer is told. */
const TRIES = 6;
const UNSETTLED =
  'Something of this was changed meanwhile by somebody else, or is not valid any more. Nothing was written.';

/**
 * Writes all drafts in one step, on the base as it is now: where that moved in other places the drafts stand on it, where
 * it moved in the same places nothing is written.
 * @throws Problem
 */
export async function saveDrafts(namespace, context, { reason, validateOnly = false }) {
  return onFreshBase(async ({ base, version }) => {
    const judged = judgeAll(namespace, base, context);
    if (judged.some(({ errors, conflicts }) => errors.length > 0 || conflicts.length > 0)) {
      throw new Problem(UNSETTLED);
    }
    if (judged.length === 0) return { nothing: true, version, masked: [] };
    const body = Object.fromEntries(judged.map(({ field, patch }) => [field, patch]));
    return await api.patch(namespace, body, {
      version,
      reason,
      validateOnly,
      ...(validateOnly ? {} : { id: requestIdFor([namespace, body, version, reason]) }),
    });
  });
}

/** Runs a write on the base as it is now, and again where somebody else was first. */
export async function onFreshBase(write) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await write(await freshBase());
    } catch (problem) {
      if (problem.status !== 412 || tries === TRIES) throw problem;
    }
  }
}

let last = { key: '', id: '' };

/** The same write, tried again after its answer was lost, keeps its id: so it is never applied twice. */
export function requestIdFor(content) {
  const key = JSON.stringify(content);
  if (last.key !== key) last = { key, id: randomId() };
  return last.id;
}

/** crypto.randomUUID is only there on secure origins. */
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `console-${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
