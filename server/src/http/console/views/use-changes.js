import { api } from '../api/policy-api.js';
import { atMostEvery } from '../state/at-most-every.js';
import { changes } from '../state/live.js';
import { useEffect, useState } from '../vendor/preact.js';

const PAGE = 50;
/** How many stay while new ones come on top of those that were read. */
const MOST = 1000;
/** A page may be large. */
const PACE = { soonMs: 150, everyMs: 2000 };

/** The changes that a filter leaves, newest first, kept up to date; older ones by `more`. */
export function useChanges(namespace, filter) {
  const [state, setState] = useState({
    pages: [],
    next: '',
    hasOlder: false,
    problem: undefined,
    isAsking: true,
  });
  const query = {
    page_size: PAGE,
    actor: filter.actor.trim(),
    fields: filter.field,
    kinds: filter.kind,
    from: isoTime(filter.from),
    to: isoTime(filter.to),
  };
  const key = JSON.stringify([namespace, query]);
  useEffect(() => {
    const stop = new AbortController();
    const ask = async (signal) => {
      setState((before) => ({ ...before, isAsking: true }));
      try {
        const { data } = await api.history(namespace, query, signal);
        if (!signal.aborted) setState((before) => joined(before, data, key));
      } catch (problem) {
        if (!signal.aborted) setState((before) => ({ ...before, problem, isAsking: false }));
      }
    };
    // A new change comes on top; the newest page is asked for again, so that filters hold.
    const wish = atMostEvery(ask, PACE, stop.signal);
    const unsubscribe = changes.subscribe(wish);
    wish();
    return () => {
      unsubscribe();
      stop.abort();
    };
  }, [key]);
  const more = async () => {
    setState((before) => ({ ...before, isAsking: true }));
    try {
      const { data } = await api.history(namespace, { ...query, page_token: state.next });
      setState((before) => (before.key === key ? extended(before, data) : before));
    } catch (problem) {
      setState((before) => (before.key === key ? { ...before, problem, isAsking: false } : before));
    }
  };
  return { ...state, more };
}

/** Older changes behind those that are there. */
function extended(before, { changes: older, next_page_token: next }) {
  return {
    ...before,
    pages: [...before.pages, ...older],
    next,
    hasOlder: true,
    problem: undefined,
    isAsking: false,
  };
}

/**
 * Older pages that somebody has asked for stay where the newest page still joins them, and while they are not too many: a
 * list that is looked at all day does not grow.
 */
function joined(before, { changes: newest, next_page_token: next }, key) {
  const kept =
    before.key === key && before.hasOlder && newest.length > 0
      ? before.pages.slice(before.pages.findIndex(({ version }) => version === newest.at(-1).version) + 1)
      : [];
  const isJoined =
    kept.length > 0 && kept.length < before.pages.length && newest.length + kept.length <= MOST;
  return {
    key,
    hasOlder: isJoined,
    pages: isJoined ? [...newest, ...kept] : newest,
    next: isJoined ? before.next : next,
    problem: undefined,
    isAsking: false,
  };
}

function isoTime(local) {
  return local === '' ? '' : new Date(local).toISOString();
}
