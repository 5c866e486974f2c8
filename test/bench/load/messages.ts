import type { ServerSecurity } from '../peers/server-process.js';

/** What the load generator is asked to do. Every command is answered by one reply. */
export type Command =
  | {
      readonly kind: 'connect';
      readonly target: string;
      readonly server: Reached;
      readonly connections: number;
    }
  | { readonly kind: 'prepare'; readonly load: string; readonly target: string; readonly slots: Slots }
  | { readonly kind: 'run'; readonly load: string; readonly ms: number }
  | {
      readonly kind: 'watch';
      readonly watchers: string;
      readonly target: string;
      readonly call: Call;
      readonly streams: number;
    }
  | {
      readonly kind: 'fan-out';
      /** Those whose times are taken, then the others who get the changes. */
      readonly watchers: readonly [string, ...string[]];
      readonly load: string;
      readonly ms: number;
    }
  | { readonly kind: 'disconnect'; readonly target: string };

/** Where a server is, and how it is spoken to. */
export interface Reached {
  readonly port: number;
  readonly security?: ServerSecurity | undefined;
}

/** A call with its encoded request. */
export interface Call {
  readonly path: string;
  readonly message: Uint8Array;
}

/**
 * One entry for each call in flight: what it sends, one call after the other and then from the start again.
 * Slot i uses connection i modulo their number.
 */
export type Slots = readonly (readonly Call[])[];

/** Twelve characters in a message that are replaced by a number never used before. */
export const UNIQUE = '#UNIQUE-ID##';

/** What happened in one window of time. */
export interface Window {
  readonly requests: number;
  readonly seconds: number;
  /** Milliseconds from sending to the whole answer; in a fan-out to the last watcher. */
  readonly p50: number;
  readonly p99: number;
  /** CPU seconds of the load generator itself. */
  readonly generatorCpu: number;
}

export type Reply =
  | { readonly kind: 'done' }
  | { readonly kind: 'window'; readonly window: Window }
  | { readonly kind: 'failed'; readonly message: string };
