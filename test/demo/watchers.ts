import { ms } from './narrator.js';
import { connect, type Participant, type Stage } from './participant.js';
import { Progress } from './progress.js';
import type { EventSeen } from './record.js';
import { isHurried } from './script.js';

/** A component that holds a Watch and is told of every change. */
export function startWatcher(stage: Stage, name: string, address: string): Participant<EventSeen> {
  const seen: EventSeen[] = [];
  const progress = new Progress();
  return { name, seen, progress, done: watch(stage, name, address, seen, progress) };
}

async function watch(
  { namespace, narrator, sentAt, over }: Stage,
  name: string,
  address: string,
  seen: EventSeen[],
  progress: Progress,
): Promise<void> {
  await using client = connect(address, namespace, name);
  // Closing the client, unlike aborting the watch, ends it without an error.
  over.addEventListener('abort', () => client.close(), { once: true });
  for await (const { kind, version, resync, policy, cause } of client.watch()) {
    const at = performance.now();
    seen.push({ kind, version, resync, policy, at });
    progress.at(version.revision);
    if (kind === 'snapshot')
      narrator.tell(name, `watches ${address}, from a snapshot of revision ${version.revision}`);
    else if (!isHurried(cause?.reason)) {
      const lag = ms(at - (sentAt.get(cause?.reason ?? '') ?? NaN));
      narrator.tell(
        name,
        `is told of revision ${version.revision} by ${cause?.actor}, ${lag} after it was sent`,
      );
    }
  }
}
