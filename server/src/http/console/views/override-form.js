import { api } from '../api/policy-api.js';
import { tell } from '../state/news.js';
import { tellReach } from '../state/reach.js';
import { asOneRequest } from '../state/save.js';
import { useState } from '../vendor/preact.js';

/** Puts an override in force; what is wrong comes back as a problem, and what was typed stays. */
export function useOverride(namespace, onDone) {
  const [problem, setProblem] = useState(undefined);
  const [busy, setBusy] = useState(false);
  async function send(body) {
    setBusy(true);
    setProblem(undefined);
    try {
      const answer = await asOneRequest([namespace, body], (id) => api.override(namespace, body, { id }));
      tell(`${body.name} is in force${answer.status === 202 ? ' here; the store is away' : ''}`, 'good');
      void tellReach(namespace, answer.version);
      onDone();
    } catch (refused) {
      setProblem(refused);
      setBusy(false);
    }
  }
  return { problem, busy, send };
}
