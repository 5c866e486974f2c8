import type { Authenticator } from '../auth/authenticator.js';
import type { Access } from '../engine/access/access.js';
import type { GuardrailSource } from '../engine/guard.js';
import type { CallLog } from '../requests/call-log.js';
import type { Served } from '../requests/served.js';

/** The metrics in a form for whoever collects them. */
export interface MetricsText {
  readonly contentType: string;
  text(): Promise<string>;
}

/** What the HTTP port serves from. */
export interface HttpContext {
  readonly engine: Served;
  readonly namespaces: readonly string[];
  readonly access: Access;
  /** Undefined: there are none. */
  readonly guardrails: GuardrailSource | undefined;
  /** Undefined: callers are whom they say they are. */
  readonly authenticator: Authenticator | undefined;
  readonly log: CallLog;
  /** Undefined: there is no such page. */
  readonly metrics: MetricsText | undefined;
}
