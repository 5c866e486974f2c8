import { api } from '../api/policy-api.js';
import { Problem } from '../api/problem.js';
import { followPolicy } from '../api/watch.js';
import { dropLease, holdVersion, keepLease, takeLease } from './lease.js';
import { tell } from './news.js';
import { createObservable } from './observable.js';
import { applyPatch } from './patch.js';
import { includes, revisionOf } from './version.js';

/** How long the base may lag behind while many changes come. */
const BASE_PAUSE_MS = 400;

const NOTHING = {
  namespace: '',
  /** connecting, open, waiting, paused (nobody looks) or refused */
  connection: 'connecting',
  problem: undefined,
  retryAt: undefined,
  version: undefined,
  /** Effective. */
  policy: undefined,
  /** As it was written, without the overrides. */
  base: undefined,
  baseVersion: undefined,
  tradingState: undefined,
  overrides: [],
  /** The newest change. */
  cause: undefined,
};

/** What is in force, as the stream has brought it. */
export const live = createObservable(NOTHING);

/** Told of every change: version, and its cause; without one, anything may have changed. */
export const changes = createObservable({ version: undefined, cause: undefined });

const instance = tabName();
let running = new AbortController();

/** Follows another namespace, from nothing. */
export function follow(namespace) {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  dropLease();
  live.set({ ...NOTHING, namespace });
  keepLease(() => ({ namespace, version: live.get().version }), signal);
  void followPolicy(
    {
      namespace,
      instance,
      heldVersion: () =>
        live.get().overrides.some(({ pending }) => pending) ? undefined : live.get().version,
      // What the stream of another namespace still had on its way is not for this one.
      onState: ({ state, problem, retryAt }) =>
        signal.aborted || live.merge({ connection: state, problem, retryAt }),
      onEvent: (...event) => signal.aborted || onEvent(...event),
    },
    signal,
  );
}

export function stopFollowing() {
  running.abort();
  dropLease();
  live.set(NOTHING);
}

function onEvent(event, message, sentAt, first) {
  const before = live.get();
  const { version, valid_for_ms: validForMs, trading_state: tradingState, overrides } = message;
  if (message.patch && message.previous !== revisionOf(before.version)) {
    // Never apply a change to anything but what it follows: begin again with a snapshot.
    live.merge({ version: undefined });
    throw new Problem('A change was missed; asking for everything again.');
  }
  const policy = message.policy ?? (message.patch && patched(before.policy, message));
  live.merge({
    tradingState,
    overrides,
    ...(policy === undefined
      ? {}
      : { version, policy: { ...policy, trading_state: tradingState, overrides } }),
    ...(event === 'policy' && message.cause ? { cause: { ...message.cause, version } } : {}),
  });
  holdVersion(live.get().version);
  // Only what this tab asked for renews; the first message answers its question.
  if (first) takeLease({ version, until: sentAt + validForMs, lengthMs: validForMs }, live.get().version);
  if (event !== 'policy') return;
  tellOfState(before);
  refreshBase();
  // A snapshot tells only the last of what may be many changes.
  changes.set({ version, cause: message.patch ? (message.cause ?? undefined) : undefined });
}

/** A patch has what was written; when that was, only its cause tells. */
function patched(held, { patch, cause }) {
  const policy = applyPatch(held, patch);
  return cause ? { ...policy, last_updated: cause.commit_time } : policy;
}

function tellOfState({ tradingState: before, version }) {
  const { tradingState } = live.get();
  if (version === undefined || before === tradingState) return;
  tell(`Trading state is now ${tradingState}`, tradingState === 'ACTIVE' ? 'good' : 'warn');
}

let basePending = false;

/** Without overrides the base is what is in force; else it is asked for, at most every BASE_PAUSE_MS. */
function refreshBase() {
  const { overrides, policy, version } = live.get();
  if (overrides.length === 0) live.merge({ base: policy, baseVersion: version });
  else if (!basePending) {
    basePending = true;
    void fetchBase().finally(() => setTimeout(afterPause, BASE_PAUSE_MS));
  }
}

function afterPause() {
  basePending = false;
  const { version, baseVersion, connection } = live.get();
  if (version !== baseVersion && connection === 'open') refreshBase();
}

async function fetchBase() {
  const { namespace, baseVersion } = live.get();
  try {
    const answer = await api.base(namespace, baseVersion);
    if (answer.data !== undefined) takeBase(namespace, answer);
  } catch {
    // The next change, or the next connection, asks again; the header says that the connection is away.
  }
}

/** The base as the server has it now, for whoever is about to write. */
export async function freshBase(namespace) {
  const answer = await api.base(namespace);
  takeBase(namespace, answer);
  return { base: answer.data.policy, version: answer.version };
}

/** Answers overtake each other, and the stream overtakes them: an older base never replaces a newer one. */
function takeBase(namespace, { version, data }) {
  const held = live.get();
  if (held.namespace !== namespace || includes(held.baseVersion, version)) return;
  live.merge({ base: data.policy, baseVersion: version });
}

function tabName() {
  const key = 'policystore.tab';
  const name = sessionStorage.getItem(key) ?? `tab-${Math.random().toString(36).slice(2, 8)}`;
  sessionStorage.setItem(key, name);
  return name;
}
