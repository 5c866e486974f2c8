import type { LogBounds } from '../store.js';
import type { StoreFile } from './store-file.js';

/** What the worker does for the main thread: opens the file first, then the file's operations. */
export interface WorkerCalls extends StoreFile {
  open(path: string, bounds: LogBounds): void;
}

/** Requests are answered in the order in which they were posted. */
export type WorkerRequest = {
  [Op in keyof WorkerCalls]: { readonly op: Op; readonly args: Parameters<WorkerCalls[Op]> };
}[keyof WorkerCalls];

export type WorkerReply =
  | { readonly value: ReturnType<WorkerCalls[keyof WorkerCalls]> }
  | {
      readonly failed: 'unusable' | 'unavailable' | 'replaced';
      readonly message: string;
      readonly sent: boolean;
    };
