import { expect } from 'chai';
import fc from 'fast-check';

import {
  ALL_RIGHTS,
  joinRights,
  NO_RIGHTS,
  type Rights,
} from '../../../../server/src/domain/access/rights.js';
import {
  BUILT_IN,
  resolveRoles,
  RoleProblem,
  type RoleSpec,
} from '../../../../server/src/domain/access/roles.js';
import { FIELDS, type FieldName } from '../../../../server/src/domain/policy.js';

const RUNS = { numRuns: 500 };

/** What each built-in role may write: DESIGN, section 5, by hand. */
const WRITES: Record<string, FieldName[]> = {
  reader: [],
  writer: ['custom_params'],
  msc_ai: [
    'risk_mode',
    'allowed_strategies',
    'max_risk_per_trade',
    'max_positions',
    'global_min_confidence',
    'custom_params',
  ],
  opportunity_ranker: ['allowed_symbols', 'opp_rankings', 'custom_params'],
  continuous_learning: ['model_versions', 'custom_params'],
  strategy_generator: ['allowed_strategies', 'custom_params'],
  safety_governor: ['custom_params'],
  health_monitor: ['system_health', 'custom_params'],
  orchestrator: [],
  risk_guard: [],
  portfolio_balancer: [],
  ensemble_manager: [],
  executor: [],
  operator: [...FIELDS],
};

function rolesOf(given: Record<string, RoleSpec>): ReadonlyMap<string, Rights> {
  return resolveRoles(new Map(Object.entries(given)));
}

function role(spec: RoleSpec): Rights {
  return rolesOf({ role: spec }).get('role')!;
}

describe('the built-in roles', () => {
  const roles = resolveRoles(new Map());

  it('are those of the design', () => {
    expect([...roles.keys()]).to.have.members(Object.keys(WRITES));
    expect([...BUILT_IN.keys()]).to.have.members(Object.keys(WRITES));
  });

  for (const [name, fields] of Object.entries(WRITES)) {
    it(`let ${name} read, and write ${fields.join(', ') || 'nothing'}`, () => {
      const rights = roles.get(name)!;
      expect(rights.read).to.equal(true);
      expect(FIELDS.filter((field) => rights.write.has(field))).to.have.members(fields);
    });
  }

  it('let the governor tighten anything, trip, and restore what is its own', () => {
    const { tighten, trip, restoreOwn, restoreOthers } = roles.get('safety_governor')!;
    expect([...tighten]).to.deep.equal(FIELDS);
    expect([trip, restoreOwn, restoreOthers]).to.deep.equal([true, true, false]);
  });

  it('let nobody else than the operator do more', () => {
    for (const [name, rights] of roles) {
      const more = [rights.trip, rights.restoreOwn, rights.restoreOthers, rights.history, rights.fleet];
      const server = [rights.reflection, rights.metrics];
      if (name === 'operator') expect([...more, ...server]).to.not.include(false);
      else if (name !== 'safety_governor') expect([...more, ...server], name).to.not.include(true);
      else expect([rights.history, ...server]).to.not.include(true);
    }
  });

  it('let the operator do everything', () => {
    expect(roles.get('operator')).to.deep.equal({
      ...ALL_RIGHTS,
      limits: { writesPerSecond: undefined, watchers: undefined },
    });
  });
});

describe('roles', () => {
  it('have nothing that they are not given', () => {
    const limits = { writesPerSecond: undefined, watchers: undefined };
    expect(role({})).to.deep.equal({ ...NO_RIGHTS, limits });
  });

  const readers: RoleSpec[] = [
    { write: ['custom_params'] },
    { tighten: ['all'] },
    { trip: true },
    { restore: 'own' },
    { history: true },
    { fleet: true },
  ];
  for (const spec of readers) {
    it(`read with ${JSON.stringify(spec)}`, () => expect(role(spec).read).to.equal(true));
  }

  it('do not read with a right of the server alone, or with what is written and gives nothing', () => {
    for (const spec of [
      { reflection: true, metrics: true },
      { write: [], trip: false },
    ] satisfies RoleSpec[])
      expect(role(spec).read).to.equal(false);
  });

  it('have what all that they extend have, at any depth', () => {
    const roles = rolesOf({
      head: { extends: ['desk', 'msc_ai'], trip: true },
      desk: { write: ['opp_rankings'] },
    });
    const { write, trip } = roles.get('head')!;
    expect([...write]).to.have.members([...WRITES['msc_ai']!, 'opp_rankings']);
    expect(trip).to.equal(true);
  });

  it('with the name of a built-in one stand in its place, for those that extend it too', () => {
    const roles = rolesOf({ writer: { read: true } });
    expect(roles.get('writer')!.write.size).to.equal(0);
    expect([...roles.get('health_monitor')!.write]).to.deep.equal(['system_health']);
  });

  it('that extend their own name add to the built-in one', () => {
    const roles = rolesOf({ continuous_learning: { extends: ['continuous_learning'], fleet: true } });
    const { write, fleet } = roles.get('continuous_learning')!;
    expect([...write]).to.have.members(['model_versions', 'custom_params']);
    expect(fleet).to.equal(true);
  });

  it('have their own limits, or else the largest that they inherit', () => {
    const roles = rolesOf({
      slow: { limits: { writes_per_second: 1, watchers: 5 } },
      fast: { limits: { writes_per_second: 10 } },
      both: { extends: ['slow', 'fast'] },
      own: { extends: ['both'], limits: { writes_per_second: 3 } },
    });
    expect(roles.get('both')!.limits).to.deep.equal({ writesPerSecond: 10, watchers: 5 });
    expect(roles.get('own')!.limits).to.deep.equal({ writesPerSecond: 3, watchers: 5 });
  });

  const circles: Record<string, RoleSpec>[] = [
    { a: { extends: ['a'] } },
    { a: { extends: ['b'] }, b: { extends: ['a'] } },
    { a: { extends: ['reader', 'b'] }, b: { extends: ['c'] }, c: { extends: ['b'] } },
    { writer: { extends: ['msc_ai'] } },
  ];
  for (const circle of circles) {
    it(`are refused where they go in a circle: ${JSON.stringify(circle)}`, () => {
      expect(() => rolesOf(circle)).to.throw(RoleProblem, /extends itself: (\w+) -> .*\1$/);
    });
  }

  it('are worked out quickly, however often they extend the same', () => {
    const many = Array.from({ length: 200 }, (_, i): [string, RoleSpec] => [
      `r${String(i)}`,
      { extends: i < 2 ? ['reader'] : [`r${String(i - 1)}`, `r${String(i - 2)}`] },
    ]);
    expect(rolesOf(Object.fromEntries(many)).get('r199')!.read).to.equal(true);
  });
});

describe('joining rights', () => {
  const arbFields = fc.uniqueArray(fc.constantFrom(...FIELDS)).map((fields) => new Set(fields));
  const arbLimit = fc.option(fc.nat({ max: 9 }), { nil: undefined });
  const arbRights: fc.Arbitrary<Rights> = fc.record({
    read: fc.boolean(),
    write: arbFields,
    tighten: arbFields,
    trip: fc.boolean(),
    restoreOwn: fc.boolean(),
    restoreOthers: fc.boolean(),
    history: fc.boolean(),
    fleet: fc.boolean(),
    reflection: fc.boolean(),
    metrics: fc.boolean(),
    limits: fc.record({ writesPerSecond: arbLimit, watchers: arbLimit }),
  });

  it('does not depend on order, grouping or repetition', () => {
    const check = fc.property(arbRights, arbRights, arbRights, (a, b, c) => {
      expect(joinRights(a, b)).to.deep.equal(joinRights(b, a));
      expect(joinRights(joinRights(a, b), c)).to.deep.equal(joinRights(a, joinRights(b, c)));
      expect(joinRights(a, a)).to.deep.equal(a);
      expect(joinRights(a, NO_RIGHTS)).to.deep.equal(a);
    });
    fc.assert(check, RUNS);
  });
});
