import { FIELDS, type FieldName } from '../policy.js';
import { shown } from '../violation.js';
import { joinRights, NO_RIGHTS, type Rights } from './rights.js';

/** A role as the access file writes it. What is absent gives nothing. */
export interface RoleSpec {
  /** Roles whose rights it has too. */
  readonly extends?: readonly string[];
  readonly read?: boolean;
  readonly write?: readonly (FieldName | 'all')[];
  readonly tighten?: readonly (FieldName | 'all')[];
  readonly trip?: boolean;
  readonly restore?: 'own' | 'others' | 'any';
  readonly history?: boolean;
  readonly fleet?: boolean;
  readonly reflection?: boolean;
  readonly metrics?: boolean;
  readonly limits?: LimitsSpec;
}

export interface LimitsSpec {
  readonly writes_per_second?: number;
  readonly watchers?: number;
}

const READER: RoleSpec = { extends: ['reader'] };

/** The roles that are there without being written. Source: DESIGN, section 5. */
export const BUILT_IN: ReadonlyMap<string, RoleSpec> = new Map<string, RoleSpec>([
  ['reader', { read: true }],
  ['writer', { extends: ['reader'], write: ['custom_params'] }],
  [
    'msc_ai',
    {
      extends: ['writer'],
      write: [
        'risk_mode',
        'allowed_strategies',
        'max_risk_per_trade',
        'max_positions',
        'global_min_confidence',
      ],
    },
  ],
  ['opportunity_ranker', { extends: ['writer'], write: ['opp_rankings', 'allowed_symbols'] }],
  ['continuous_learning', { extends: ['writer'], write: ['model_versions'] }],
  ['strategy_generator', { extends: ['writer'], write: ['allowed_strategies'] }],
  // It has to know whether its stop has reached everybody.
  ['safety_governor', { extends: ['writer'], tighten: ['all'], trip: true, restore: 'own', fleet: true }],
  ['health_monitor', { extends: ['writer'], write: ['system_health'] }],
  ['orchestrator', READER],
  ['risk_guard', READER],
  ['portfolio_balancer', READER],
  ['ensemble_manager', READER],
  ['executor', READER],
  [
    'operator',
    {
      write: ['all'],
      trip: true,
      restore: 'any',
      history: true,
      fleet: true,
      reflection: true,
      metrics: true,
    },
  ],
]);

/** The rights of every role, by name. */
export type Roles = ReadonlyMap<string, Rights>;

/** A role that extends one that is not there, or itself by way of others. */
export class RoleProblem extends Error {
  override readonly name = 'RoleProblem';
  /** The role, and which of those that it extends. */
  readonly role: string;
  readonly index: number;

  constructor(role: string, index: number, message: string) {
    super(message);
    this.role = role;
    this.index = index;
  }
}

/**
 * The built-in roles and the given ones. A given role with the name of a built-in one stands in its place; where it
 * extends its own name, it adds to the built-in one.
 * @throws RoleProblem
 */
export function resolveRoles(given: ReadonlyMap<string, RoleSpec>): Roles {
  const roles = new Map<string, Rights>();

  function resolve(name: string, spec: RoleSpec, path: readonly string[]): Rights {
    const known = roles.get(name);
    if (known !== undefined) return known;
    const rights = compose(name, spec, path);
    roles.set(name, rights);
    return rights;
  }

  function compose(name: string, spec: RoleSpec, path: readonly string[]): Rights {
    const inherited = (spec.extends ?? []).map((parent, index) => {
      const builtIn = BUILT_IN.get(parent);
      if (parent === name && spec !== builtIn && builtIn !== undefined) return compose(name, builtIn, path);
      if (path.includes(parent)) {
        const circle = [...path.slice(path.indexOf(parent)), parent].join(' -> ');
        throw new RoleProblem(name, index, `extends itself: ${circle}`);
      }
      const parentSpec = given.get(parent) ?? builtIn;
      if (parentSpec === undefined) throw new RoleProblem(name, index, `is not a role: ${shown(parent)}`);
      return resolve(parent, parentSpec, [...path, parent]);
    });
    return withOwn(inherited.reduce(joinRights, NO_RIGHTS), spec);
  }

  for (const [name, spec] of new Map([...BUILT_IN, ...given])) resolve(name, spec, [name]);
  return roles;
}

/** What is inherited and what the role says itself. Its own limits win. */
function withOwn(inherited: Rights, spec: RoleSpec): Rights {
  const own: Rights = {
    read: isAnythingGiven(spec),
    write: fieldsOf(spec.write),
    tighten: fieldsOf(spec.tighten),
    trip: spec.trip ?? false,
    restoreOwn: spec.restore === 'own' || spec.restore === 'any',
    restoreOthers: spec.restore === 'others' || spec.restore === 'any',
    history: spec.history ?? false,
    fleet: spec.fleet ?? false,
    reflection: spec.reflection ?? false,
    metrics: spec.metrics ?? false,
    limits: {},
  };
  return limited(joinRights(inherited, own), spec.limits);
}

/** Those of the server as a whole show nothing of a policy. */
function isAnythingGiven({ read, write, tighten, trip, restore, history, fleet }: RoleSpec): boolean {
  const fields = (write?.length ?? 0) + (tighten?.length ?? 0);
  return [read, fields > 0, trip, restore !== undefined, history, fleet].includes(true);
}

function fieldsOf(names: readonly (FieldName | 'all')[] = []): ReadonlySet<FieldName> {
  return new Set(names.flatMap((name) => (name === 'all' ? FIELDS : [name])));
}

/** The rights under limits of their own, which win. */
export function limited(rights: Rights, limits: LimitsSpec | undefined): Rights {
  if (limits === undefined) return rights;
  const { writesPerSecond, watchers } = rights.limits;
  return {
    ...rights,
    limits: {
      writesPerSecond: limits.writes_per_second ?? writesPerSecond,
      watchers: limits.watchers ?? watchers,
    },
  };
}
