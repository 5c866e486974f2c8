import { api } from '../api/policy-api.js';
import { changes, live } from './live.js';
import { createObservable } from './observable.js';
import { session } from './session.js';

/** Who wrote each field last; kept up to date by the causes that the stream brings. */
export const authors = createObservable({ namespace: '', fields: {} });

session.subscribe(({ phase, namespace, rights }) => {
  // Who comes next may not be allowed to know it.
  if (phase === 'signed-out') authors.set({ namespace: '', fields: {} });
  if (phase !== 'ready' || authors.get().namespace === namespace) return;
  authors.set({ namespace, fields: {} });
  if (rights.history) void load(namespace);
});

changes.subscribe(({ version, cause }) => {
  const { namespace, fields } = authors.get();
  if (namespace === '' || namespace !== live.get().namespace) return;
  if (!session.get().rights?.history) return;
  if (cause === undefined) return void load(namespace);
  if (!isWrite(cause.kind)) return;
  const { actor, commit_time, reason } = cause;
  const author = { version, actor, commit_time, reason };
  authors.set({
    namespace,
    fields: { ...fields, ...Object.fromEntries(cause.fields.map((field) => [field, author])) },
  });
});

/** Overrides mask fields, they write none. */
function isWrite(kind) {
  return !['OVERRIDE', 'RESTORE', 'EXPIRE'].includes(kind);
}

async function load(namespace) {
  try {
    const { data } = await api.authors(namespace);
    if (authors.get().namespace === namespace) authors.set({ namespace, fields: data.fields });
  } catch {
    // Shown without authors: they explain the policy, they are not part of it.
  }
}
