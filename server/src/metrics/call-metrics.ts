import { Counter, type Registry } from 'prom-client';

import type { CallMeter, MethodMeter } from '../requests/call-meter.js';
import { FIELDS } from '../domain/policy.js';
import type { PolicyError } from '../errors.js';
import type { BoundedNames } from './bounded-names.js';
import { SECONDS } from './buckets.js';
import { collectedCounter, type Sample } from './collected.js';
import type { Tally } from './tally.js';
import { TallyHistogram } from './tally-histogram.js';

/** How calls come in. */
export type Transport = 'grpc' | 'http';

/** What is told before it happens: an increase is seen only from a value that was there before. */
const BEFORE_ANY_CALL: Readonly<Record<Transport, readonly string[]>> = {
  grpc: ['OK', 'INTERNAL'],
  http: ['200', '500'],
};

/** What refuses a caller for who it is, and not for what it says. */
const DENIALS: ReadonlySet<string> = new Set<PolicyError['reason']>([
  'PERMISSION_DENIED',
  'UNAUTHENTICATED',
  'CREDENTIAL_EXPIRED',
]);
const INVALID: ReadonlySet<string> = new Set<PolicyError['reason']>([
  'VALIDATION_FAILED',
  'GUARDRAIL_VIOLATED',
]);

/** What a violation can be of; of other names, which callers can make up, it says `other`. */
const KNOWN_FIELDS: ReadonlySet<string> = new Set([
  ...FIELDS,
  ...['overrides', 'limits', 'name', 'ttl', 'reason', 'request_id', 'expected_version', 'preset', 'revision'],
  ...['policy', 'patch', 'fields', 'version', 'watcher', 'heartbeat_interval', 'selector', 'timeout'],
]);

export interface CallMetricsOptions {
  readonly registry: Registry;
  /** Names of those who read, as values of a label. */
  readonly readers: BoundedNames;
  readonly namespaces: readonly string[];
}

interface CountedCalls {
  readonly transport: Transport;
  readonly method: string;
  readonly byCode: Map<string, number>;
}

/** Counts calls: a Get takes two additions, and no library comes between. */
export class CallMetrics {
  readonly #readers: BoundedNames;
  readonly #namespaces: ReadonlySet<string>;
  readonly #calls: CountedCalls[] = [];
  readonly #reads = new Map<string, Map<string, { count: number }>>();
  readonly #seconds: TallyHistogram<'transport' | 'method'>;
  readonly #denials: Counter<'transport' | 'method' | 'namespace' | 'reason'>;
  readonly #invalid: Counter<'field' | 'reason'>;

  constructor({ registry, readers, namespaces }: CallMetricsOptions) {
    const registers = [registry];
    this.#readers = readers;
    this.#namespaces = new Set(namespaces);
    collectedCounter(
      {
        name: 'policy_calls_total',
        help: 'Calls that are over, by transport, method and status.',
        labelNames: ['transport', 'method', 'code'],
        registers,
      },
      () => this.#callSamples(),
    );
    this.#seconds = new TallyHistogram({
      name: 'policy_call_duration_seconds',
      help: 'Time from when a call was read to when its answer was handed to the transport, without streams.',
      labelNames: ['transport', 'method'],
      buckets: SECONDS,
      registers,
    });
    collectedCounter(
      {
        name: 'policy_reads_total',
        help: 'Reads of the policy by call, by the component that reads; streams are no reads.',
        labelNames: ['namespace', 'component'],
        registers,
      },
      () => this.#readSamples(),
    );
    this.#denials = new Counter({
      name: 'policy_denials_total',
      help: 'Calls that were refused for who made them.',
      labelNames: ['transport', 'method', 'namespace', 'reason'],
      registers,
    });
    this.#invalid = new Counter({
      name: 'policy_validation_failures_total',
      help: 'Fields for which writes and other requests were refused, by a rule or a guardrail.',
      labelNames: ['field', 'reason'],
      registers,
    });
  }

  /** The meter of the calls that come in one way. */
  of(transport: Transport): CallMeter {
    return {
      method: (name) => this.#method(transport, name),
      read: (namespace, reader) => {
        this.#read(namespace, reader);
      },
    };
  }

  #method(transport: Transport, method: string): MethodMeter {
    const zero = BEFORE_ANY_CALL[transport].map((code) => [code, 0] as const);
    const calls: CountedCalls = { transport, method, byCode: new Map(zero) };
    this.#calls.push(calls);
    let seconds: Tally | undefined;
    const ended = (code: string, ms?: number): void => {
      calls.byCode.set(code, (calls.byCode.get(code) ?? 0) + 1);
      if (ms === undefined) return;
      seconds ??= this.#seconds.tally({ transport, method });
      seconds.observe(ms / 1000);
    };
    return {
      ended,
      failed: (error, code, ms) => {
        ended(code, ms);
        this.#refused(error, transport, method);
      },
    };
  }

  #read(namespace: string, reader: string): void {
    const readers = this.#reads.get(namespace) ?? new Map<string, { count: number }>();
    const known = readers.get(reader);
    if (known !== undefined) known.count += 1;
    else this.#readByLabel(namespace, readers, this.#readers.label(reader));
  }

  #readByLabel(namespace: string, readers: Map<string, { count: number }>, label: string): void {
    this.#reads.set(namespace, readers);
    const known = readers.get(label);
    if (known === undefined) readers.set(label, { count: 1 });
    else known.count += 1;
  }

  #refused({ reason, metadata, violations }: PolicyError, transport: Transport, method: string): void {
    if (DENIALS.has(reason)) {
      const asked = metadata['namespace'];
      const namespace = asked === undefined || this.#namespaces.has(asked) ? (asked ?? '') : 'other';
      this.#denials.inc({ transport, method, namespace, reason });
    }
    if (!INVALID.has(reason)) return;
    for (const field of new Set(violations.map((violation) => fieldOf(violation.field)))) {
      this.#invalid.inc({ field, reason });
    }
  }

  *#callSamples(): Iterable<Sample<'transport' | 'method' | 'code'>> {
    for (const { byCode, transport, method } of this.#calls) {
      for (const [code, count] of byCode) yield [{ transport, method, code }, count];
    }
  }

  *#readSamples(): Iterable<Sample<'namespace' | 'component'>> {
    for (const [namespace, readers] of this.#reads) {
      for (const [component, { count }] of readers) yield [{ namespace, component }, count];
    }
  }
}

/** The name of the field or part of a request that a violation is of, without what callers call its parts. */
function fieldOf(path: string): string {
  const [name = ''] = /^[a-z_]+/.exec(path) ?? [];
  const follows = path.charAt(name.length);
  return KNOWN_FIELDS.has(name) && ['', '.', '['].includes(follows) ? name : 'other';
}
