import { refusals, rememberToken } from '../api/http.js';
import { api } from '../api/policy-api.js';
import { readBounds } from './bounds.js';
import { follow, live, stopFollowing } from './live.js';
import { tell } from './news.js';
import { createObservable } from './observable.js';

const NAMESPACE_KEY = 'policystore.namespace';
const AGAIN_MS = 2000;

/** Who is here and what they may do; `phase` is starting, signed-out, failed or ready. */
export const session = createObservable({
  phase: 'starting',
  problem: undefined,
  /** Empty: whichever the server says. */
  namespace: sessionStorage.getItem(NAMESPACE_KEY) ?? '',
  identity: '',
  verified: false,
  authentication: 'off',
  namespaces: [],
  rights: undefined,
  /** The JSON Schema of the policy. */
  schema: undefined,
  /** What the guardrails say, per field and in words. */
  bounds: { fields: {}, steps: [] },
});

refusals.subscribe(({ status, message }) => {
  if (status === 403) return void refreshRights();
  stopFollowing();
  session.merge({ phase: 'signed-out', problem: message === '' ? undefined : new Error(message) });
});

/** Something was not allowed: what may be done has changed since it was asked. */
async function refreshRights() {
  const { phase, namespace } = session.get();
  if (phase !== 'ready') return;
  const { data } = await api.access(namespace).catch(() => ({ data: undefined }));
  if (data !== undefined && session.get().namespace === namespace) {
    session.merge({ rights: data.rights, namespaces: data.namespaces });
  }
}

/** Which entry is the newest: the answers of an older one are not waited for any more. */
let turn = 0;

/** Asks who this is, and follows the namespace. */
export async function enter(wanted = session.get().namespace) {
  const own = ++turn;
  // Who is in stays in, whatever becomes of a switch.
  const { phase } = session.get();
  if (phase !== 'ready')
    session.merge({ phase: phase === 'failed' ? 'starting' : phase, problem: undefined });
  try {
    const { data } = await api.access(wanted);
    if (own !== turn) return;
    const { namespace, namespaces, rights } = data;
    if (!rights.read && namespaces.length > 0) return await enter('');
    const [schema, guardrails] = await Promise.all([
      session.get().schema ?? api.schema().then((answer) => answer.data),
      rights.read ? api.guardrails(namespace).then((answer) => answer.data) : { schema: null },
    ]);
    if (own !== turn) return;
    sessionStorage.setItem(NAMESPACE_KEY, namespace);
    session.merge({
      phase: 'ready',
      namespace,
      identity: data.identity,
      verified: data.verified,
      authentication: data.authentication,
      namespaces,
      rights,
      schema,
      bounds: readBounds(guardrails),
    });
    if (live.get().namespace !== namespace || live.get().connection === 'refused') follow(namespace);
  } catch (problem) {
    if (problem.status === 401 || own !== turn) return;
    if (problem.status === 404 && wanted !== '') return void (await enter(''));
    if (phase === 'ready') tell(problem.message, 'bad');
    else session.merge({ phase: phase === 'signed-out' ? phase : 'failed', problem });
    // No server, or one that is still starting: it may be there in a moment.
    if (session.get().phase === 'failed' && [0, 503].includes(problem.status)) setTimeout(tryAgain, AGAIN_MS);
  }
}

function tryAgain() {
  if (session.get().phase === 'failed') void enter();
}

/** Takes a token and tries it. */
export async function signIn(token) {
  rememberToken(token);
  await enter();
}

export function signOut() {
  turn += 1;
  rememberToken('');
  stopFollowing();
  session.merge({ phase: 'signed-out', problem: undefined });
}

/** Whether a field may be changed at all: as one likes, or only to be tighter. */
export function mayChange(rights, field) {
  return mayWrite(rights, field) || mayTighten(rights, field);
}

export function mayWrite(rights, field) {
  return rights?.write?.includes(field) ?? false;
}

export function mayTighten(rights, field) {
  return rights?.tighten?.includes(field) ?? false;
}

export function mayRestore(rights, override, identity) {
  return override.actor === identity ? rights?.restore_own : rights?.restore_others;
}
