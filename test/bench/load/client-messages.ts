/** What the clients of one process do with a change: hold it live and acknowledge it, or only get it. */
export type ClientKind = 'live' | 'watch';

/** Opens so many clients more. It is answered with `opened`. */
export interface OpenClients {
  readonly count: number;
}

export type ClientNews =
  | { readonly kind: 'opened' }
  /** All clients here have had one more change, and when. */
  | { readonly kind: 'arrived'; readonly at: readonly number[] }
  | { readonly kind: 'failed'; readonly message: string };

/** Milliseconds of a clock that is the same in all processes of a machine. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
