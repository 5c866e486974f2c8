import { PolicyClient } from '@policystore/client';

import type { Narrator } from './narrator.js';
import type { Progress } from './progress.js';

/** What everybody in the demo works with. */
export interface Stage {
  readonly namespace: string;
  readonly narrator: Narrator;
  /** When each change was sent, by its reason: the script gives every change a reason of its own. */
  readonly sentAt: Map<string, number>;
  /** Ends watchers and executors. */
  readonly over: AbortSignal;
}

/** A watcher or an executor at work. */
export interface Participant<Seen> {
  readonly name: string;
  readonly seen: readonly Seen[];
  readonly progress: Progress;
  /** Settles after the end; rejects when the work fails. */
  readonly done: Promise<void>;
}

export function connect(address: string, namespace: string, name: string): PolicyClient {
  return new PolicyClient({ addresses: address, namespace, name });
}
