import type { IncomingMessage, ServerResponse } from 'node:http';

import type { NamespaceRight } from '../domain/access/rights.js';
import type { JsonObject } from '../domain/policy.js';
import type { Identity, Namespace } from '../engine/types.js';
import { namespaceOf, type Served } from '../requests/served.js';
import { readJson } from './body.js';
import { misplaced } from './http-error.js';

/** What a handler answers: JSON, unless a header says otherwise. */
export interface Answer {
  /** Default 200. */
  readonly status?: number;
  readonly body: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface CallParts {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** Who makes the call. */
  readonly identity: Identity;
  /** The parts of the path that have names. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: ReadonlyMap<string, string>;
  readonly requestId: string;
}

/** A request that was let in. */
export interface HttpCall extends CallParts {
  /** The namespace that it is for. @throws PolicyError where the caller may not read it, or it is not there. */
  namespace(): Namespace;
  /** The name of that namespace, once it was reached. */
  readonly reached: string | undefined;
  /** How long what that says may be believed, in milliseconds; 0 where no namespace was reached. */
  readonly validForMs: number;
  /** Aborts when the caller has gone before it was answered. */
  readonly signal: AbortSignal;
  /** A parameter behind the path. Undefined: it is not there. */
  ask(name: string): string | undefined;
  /** The body, an object. Absent: empty. @throws PolicyError */
  json(): Promise<JsonObject>;
}

const ABANDONED = new Error('the caller has gone');

export class ServedCall implements HttpCall {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly identity: Identity;
  readonly params: Readonly<Record<string, string>>;
  readonly query: ReadonlyMap<string, string>;
  readonly requestId: string;
  readonly #engine: Served;
  #namespace: Namespace | undefined;

  constructor(engine: Served, parts: CallParts) {
    this.#engine = engine;
    this.incoming = parts.incoming;
    this.outgoing = parts.outgoing;
    this.identity = parts.identity;
    this.params = parts.params;
    this.query = parts.query;
    this.requestId = parts.requestId;
  }

  namespace(): Namespace {
    return this.#namespace ?? this.enter('read');
  }

  /** Asks for the namespace with a right that the call needs there. @throws PolicyError */
  enter(right: NamespaceRight): Namespace {
    const namespace = this.query.get('namespace') ?? '';
    this.#namespace = namespaceOf(this.#engine, { namespace }, this.identity, right);
    return this.#namespace;
  }

  get reached(): string | undefined {
    return this.#namespace?.name;
  }

  get validForMs(): number {
    return this.#namespace?.validForMs ?? 0;
  }

  get signal(): AbortSignal {
    if (this.outgoing.destroyed) return AbortSignal.abort(ABANDONED);
    const abandoned = new AbortController();
    this.outgoing.once('close', () => {
      if (!this.outgoing.writableFinished) abandoned.abort(ABANDONED);
    });
    return abandoned.signal;
  }

  ask(name: string): string | undefined {
    return this.query.get(name);
  }

  async json(): Promise<JsonObject> {
    return (await readJson(this.incoming)) ?? {};
  }
}

/** The names in a parameter, separated by commas. */
export function askNames(call: HttpCall, name: string): string[] {
  const text = call.ask(name) ?? '';
  return text === '' ? [] : text.split(',').map((part) => part.trim());
}

/** A whole number in a parameter. @throws PolicyError VALIDATION_FAILED for anything else. */
export function askNumber(call: HttpCall, name: string): number | undefined {
  const text = call.ask(name);
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw misplaced(['query', name], `must be a whole number, got ${JSON.stringify(text.slice(0, 60))}`);
}
