/** A server that is measured, in a process of its own. */
export interface ServerProcess {
  readonly pid: number;
  readonly port: number;
  close(): Promise<void>;
}
