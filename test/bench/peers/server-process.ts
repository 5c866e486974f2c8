/** What it takes to be let in by a server. */
export interface ServerSecurity {
  /** The authority of its certificate, as PEM. */
  readonly ca: string;
  /** Undefined: it asks nobody who calls. */
  readonly token?: string | undefined;
}

/** A server that is measured, in a process of its own. */
export interface ServerProcess {
  readonly pid: number;
  readonly port: number;
  /** Undefined: nothing is encrypted, and nobody has to say who calls. */
  readonly security?: ServerSecurity | undefined;
  close(): Promise<void>;
}
