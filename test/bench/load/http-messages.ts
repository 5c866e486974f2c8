/** What the load generator for HTTP/1.1 is asked to do. Every command is answered by one reply. */
export type HttpCommand =
  /** Connects, one request in flight on each connection; `requests` are sent in turn. Behind `watch` where there is one. */
  | {
      readonly kind: 'connect';
      readonly load: string;
      readonly port: number;
      readonly connections: number;
      readonly requests: readonly string[];
    }
  | { readonly kind: 'run'; readonly load: string; readonly ms: number }
  /** Opens streams of events, each on a connection of its own, and waits for the first event of each. */
  | {
      readonly kind: 'watch';
      readonly load: string;
      readonly port: number;
      readonly streams: number;
      readonly request: string;
    }
  /** Makes change after change with a load of one connection, waiting each time for the last of its streams. */
  | { readonly kind: 'fan-out'; readonly load: string; readonly ms: number }
  | { readonly kind: 'disconnect'; readonly load: string };
