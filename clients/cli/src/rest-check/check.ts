import type { Session } from './session.js';

/** One thing that the REST interface promises. */
export interface Check {
  /** A sentence of behaviour. */
  readonly title: string;
  /** True: some callers may not do this, and that is no fault. */
  readonly mayBeDenied?: boolean;
  /** @throws Unexpected; Unreachable. */
  readonly run: (session: Session) => Promise<void>;
}
