import { api } from '../api/policy-api.js';
import { tell } from './news.js';
import { session } from './session.js';
import { durationText } from './times.js';

/** How long a change may take to reach everybody before it is said who is left. */
const WAIT_MS = 5000;

/** Tells when everybody runs a version; where that takes long, how many do not. Who may not see the fleet is told nothing. */
export async function tellReach(namespace, version) {
  if (!session.get().rights?.fleet || version === '') return;
  const started = performance.now();
  try {
    const { data } = await api.receipt(namespace, version, WAIT_MS);
    const { applied, rejected, pending, lost } = data;
    const left = rejected.length + pending.length + lost.length;
    const took = durationText(performance.now() - started);
    if (data.applied_everywhere)
      tell(`All ${applied.length} members of the fleet run it, after ${took}`, 'good');
    else if (left > 0) tell(`${left} of ${applied.length + left} do not run it yet: Fleet tells who`, 'warn');
  } catch {
    // The change is written all the same; the fleet view says why nothing can be said of it.
  }
}
