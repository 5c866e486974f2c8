import { api } from '../api/policy-api.js';
import { LIMITS } from './fields.js';
import { tightened } from './restored.js';
import { revisionOf } from './version.js';
import { readTime } from './times.js';

const COURSE = ['risk_mode', ...LIMITS];
const PAGE = 200;
const PAGES = 5;

/**
 * How modes and limits came to be what they are: one point for each change, oldest first, base and effective.
 * @returns {Promise<{ points: { at: number, base: object, effective: object }[], isCut: boolean }>} times in seconds; `isCut`
 *   if older changes were left out
 */
export async function readCourse(namespace, now, signal) {
  const [written, limited] = await Promise.all([
    pages(namespace, { fields: COURSE.join() }, signal),
    pages(namespace, { kinds: 'OVERRIDE,RESTORE,EXPIRE' }, signal),
  ]);
  const cut = Math.max(cutOf(written), cutOf(limited));
  const all = new Map([...written.changes, ...limited.changes].map((change) => [change.version, change]));
  const changes = [...all.values()]
    .map((change) => ({ ...change, at: readTime(change.commit_time).getTime() / 1000 }))
    .filter(({ at }) => at >= cut)
    .sort((a, b) => a.at - b.at || revisionOf(a.version) - revisionOf(b.version));
  return { points: pointsOf(changes, now), isCut: cut > -Infinity };
}

async function pages(namespace, query, signal) {
  const changes = [];
  let token = '';
  for (let page = 0; page < PAGES; page += 1) {
    const { data } = await api.history(namespace, { ...query, page_size: PAGE, page_token: token }, signal);
    changes.push(...data.changes);
    token = data.next_page_token;
    if (!token) break;
  }
  return { changes, isCut: Boolean(token) };
}

/** Before this the pages tell only part of what happened. */
function cutOf({ changes, isCut }) {
  return isCut && changes.length > 0 ? readTime(changes.at(-1).commit_time).getTime() / 1000 : -Infinity;
}

/** Backwards from now, for what a field was before a change the change itself says. */
function pointsOf(changes, { base, overrides }) {
  let state = { base: pick(base), overrides };
  const points = [{ at: Date.now() / 1000, ...shown(state) }];
  for (const change of [...changes].reverse()) {
    points.push({ at: change.at, ...shown(state) });
    const before = Object.fromEntries(
      COURSE.filter((field) => change.before[field] != null).map((field) => [field, change.before[field]]),
    );
    state = {
      base: { ...state.base, ...before },
      overrides: change.overrides_before ?? state.overrides,
    };
  }
  return points.reverse();
}

function pick(base) {
  return Object.fromEntries(COURSE.map((field) => [field, base[field]]));
}

function shown({ base, overrides }) {
  const effective = tightened({ ...base, allowed_strategies: [], allowed_symbols: [] }, overrides);
  return { base: { ...base, trading_state: 'ACTIVE' }, effective };
}
