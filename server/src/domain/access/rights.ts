import { FIELDS, type FieldName } from '../policy.js';

/** How much an identity may ask of the server. Absent: the server's own bounds. */
export interface IdentityLimits {
  readonly writesPerSecond?: number | undefined;
  readonly watchers?: number | undefined;
}

/** What an identity may do in one namespace. Any right lets it read there, for every answer shows some of the policy. */
export interface Rights {
  /** Get, Watch, and Acknowledge for its own streams. */
  readonly read: boolean;
  /** The fields that it may change as it likes. */
  readonly write: ReadonlySet<FieldName>;
  /** The fields that it may make stricter, and not looser. */
  readonly tighten: ReadonlySet<FieldName>;
  /** Putting overrides in force. */
  readonly trip: boolean;
  /** Restoring what it alone put in force; a ttl is that in advance. */
  readonly restoreOwn: boolean;
  /** Restoring what it had no part in. */
  readonly restoreOthers: boolean;
  readonly history: boolean;
  /** ListWatchers and WaitApplied. */
  readonly fleet: boolean;
  /** Of the server as a whole. */
  readonly reflection: boolean;
  /** Of the server as a whole. */
  readonly metrics: boolean;
  readonly limits: IdentityLimits;
}

/** The rights that are had or not had. */
export type Right =
  'read' | 'trip' | 'restoreOwn' | 'restoreOthers' | 'history' | 'fleet' | 'reflection' | 'metrics';

/** What a call to a namespace can need before it is looked at. */
export type NamespaceRight = Extract<Right, 'read' | 'history' | 'fleet'>;
/** What a call to the server as a whole can need. */
export type ServerRight = Extract<Right, 'reflection' | 'metrics'>;

export const NO_RIGHTS: Rights = {
  read: false,
  write: new Set(),
  tighten: new Set(),
  trip: false,
  restoreOwn: false,
  restoreOthers: false,
  history: false,
  fleet: false,
  reflection: false,
  metrics: false,
  limits: {},
};

export const ALL_RIGHTS: Rights = {
  read: true,
  write: new Set(FIELDS),
  tighten: new Set(),
  trip: true,
  restoreOwn: true,
  restoreOthers: true,
  history: true,
  fleet: true,
  reflection: true,
  metrics: true,
  limits: {},
};

/** Rights add up: what either allows, both allow, and of two limits the larger one holds. */
export function joinRights(a: Rights, b: Rights): Rights {
  return {
    read: a.read || b.read,
    write: new Set([...a.write, ...b.write]),
    tighten: new Set([...a.tighten, ...b.tighten]),
    trip: a.trip || b.trip,
    restoreOwn: a.restoreOwn || b.restoreOwn,
    restoreOthers: a.restoreOthers || b.restoreOthers,
    history: a.history || b.history,
    fleet: a.fleet || b.fleet,
    reflection: a.reflection || b.reflection,
    metrics: a.metrics || b.metrics,
    limits: {
      writesPerSecond: larger(a.limits.writesPerSecond, b.limits.writesPerSecond),
      watchers: larger(a.limits.watchers, b.limits.watchers),
    },
  };
}

function larger(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}
