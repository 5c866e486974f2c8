import { expect } from 'chai';
import fc from 'fast-check';

import { parseAccess } from '../../../../server/src/domain/access/access-file.js';
import type { Rights } from '../../../../server/src/domain/access/rights.js';
import { FIELDS } from '../../../../server/src/domain/policy.js';

function rights(text: string, identity: string, namespace = 'default'): Rights {
  return parseAccess(text, 'access.yaml').rules.rightsOf(identity, namespace);
}

function problems(text: string): string[] {
  try {
    parseAccess(text, 'access.yaml');
  } catch (error) {
    return (error as Error).message.split('\n');
  }
  expect.fail('it was taken');
}

describe('the access file', () => {
  it('gives an identity what all of its roles have', () => {
    const { write, trip } = rights('identities: { a: { roles: [msc_ai, safety_governor] } }', 'a');
    expect(write.has('risk_mode')).to.equal(true);
    expect(trip).to.equal(true);
  });

  it('may be JSON', () => {
    expect(rights('{"identities": {"a": {"roles": ["reader"]}}}', 'a').read).to.equal(true);
  });

  it('gives nothing to who is not in it, has no role, or is in an empty one', () => {
    for (const text of ['{}', 'identities: { b: { roles: [] } }', 'roles: {}']) {
      for (const name of ['a', 'b', '__proto__', 'constructor', '', 'operator']) {
        const { read, write, trip } = rights(text, name);
        expect([read, write.size, trip]).to.deep.equal([false, 0, false]);
      }
    }
  });

  it('gives a role in some namespaces only', () => {
    const text = 'identities: { a: { roles: [reader, { role: operator, namespaces: [paper, lab] }] } }';
    for (const namespace of ['paper', 'lab']) expect(rights(text, 'a', namespace).trip).to.equal(true);
    expect(rights(text, 'a', 'live')).to.deep.include({ read: true, trip: false });
    const only = 'identities: { a: { roles: [{ role: operator, namespaces: [paper] }] } }';
    expect(rights(only, 'a', 'live').read).to.equal(false);
    const { rules } = parseAccess(only, 'access.yaml');
    expect(rules.rightsAnywhere('a').metrics).to.equal(true);
    expect(rules.rightsAnywhere('b').metrics).to.equal(false);
  });

  it('lets a name that ends with * stand for many, and the closest one win', () => {
    const text = `
identities:
  'bot-*': { roles: [executor] }
  'bot-1*': { roles: [health_monitor] }
  bot-12: { roles: [] }
`;
    expect(rights(text, 'bot-2').read).to.equal(true);
    expect(rights(text, 'bot-2').write.size).to.equal(0);
    expect(rights(text, 'bot-11').write.has('system_health')).to.equal(true);
    expect(rights(text, 'bot-12').read).to.equal(false);
    expect(rights(text, 'robot-2').read).to.equal(false);
  });

  it('sets limits by role, and by identity, whose own win', () => {
    const text = `
roles:
  fast: { read: true, limits: { writes_per_second: 20, watchers: 4 } }
identities:
  a: { roles: [fast] }
  b: { roles: [fast], limits: { writes_per_second: 2 } }
  c: { roles: [operator] }
`;
    expect(rights(text, 'a').limits).to.deep.equal({ writesPerSecond: 20, watchers: 4 });
    expect(rights(text, 'b').limits).to.deep.equal({ writesPerSecond: 2, watchers: 4 });
    expect(rights(text, 'c').limits).to.deep.equal({ writesPerSecond: undefined, watchers: undefined });
  });

  it('takes the right to restore what is their own from everybody under four_eyes, everywhere or where it says', () => {
    const identities = 'identities: { a: { roles: [operator] } }';
    for (const [fourEyes, live, paper] of [
      ['', true, true],
      ['four_eyes: false', true, true],
      ['four_eyes: true', false, false],
      ['four_eyes: [live]', false, true],
    ] as const) {
      const text = `${identities}\n${fourEyes}`;
      expect(rights(text, 'a', 'live')).to.deep.include({ restoreOwn: live, restoreOthers: true });
      expect(rights(text, 'a', 'paper').restoreOwn).to.equal(paper);
    }
  });

  it('names the roles that could', () => {
    const { rules } = parseAccess('roles: { desk: { write: [opp_rankings] } }', 'access.yaml');
    const may = rules.rolesThat(({ write }) => write.has('opp_rankings'));
    expect(may).to.have.members(['opportunity_ranker', 'operator', 'desk']);
  });

  it('tells what it defines', () => {
    const text = 'roles: { desk: {} }\nidentities: { a: { roles: [desk] } }';
    expect(parseAccess(text, 'access.yaml')).to.deep.include({ roles: ['desk'], identities: ['a'] });
  });

  const bad: [what: string, text: string, ...problems: string[]][] = [
    ['no file', '', 'line 1: the file must be an object, got null'],
    ['a list', '[a]', 'line 1: the file must be an object, got a list'],
    ['an unknown key', 'role: {}', 'line 1: role is not known here: did you mean roles?'],
    [
      'an unknown right',
      'roles:\n  desk:\n    trips: true',
      'line 3: roles.desk.trips is not known here: did you mean trip?',
    ],
    [
      'an unknown field',
      'roles:\n  desk:\n    write:\n      - max_positions\n      - max_risk',
      'line 5: roles.desk.write[1] cannot be "max_risk": known are all, risk_mode',
    ],
    [
      'a mistyped field',
      'roles: { desk: { tighten: [max_position] } }',
      'line 1: roles.desk.tighten[0] cannot be "max_position": did you mean max_positions?',
    ],
    [
      'an unknown role',
      'identities:\n  a:\n    roles:\n      - trading_desk_one',
      'line 4: identities.a.roles[0] there is no role "trading_desk_one": known are reader, writer',
    ],
    [
      'a mistyped role',
      'identities:\n  a:\n    roles:\n      - { role: msc-ia, namespaces: [x] }',
      'line 4: identities.a.roles[0].role there is no role "msc-ia": did you mean msc_ai?',
    ],
    [
      'a role that extends none that there is',
      'roles:\n  desk: { extends: [operater] }',
      'line 2: roles.desk.extends[0] there is no role "operater": did you mean operator?',
    ],
    [
      'a circle',
      'roles:\n  a: { extends: [b] }\n  b: { extends: [a] }',
      'line 3: roles.b.extends[0] extends itself: a -> b -> a',
    ],
    [
      'an unknown restore',
      'roles: { a: { restore: everything } }',
      'line 1: roles.a.restore cannot be "everything": known are own',
    ],
    [
      'text for a switch',
      'roles: { a: { trip: yes } }',
      'line 1: roles.a.trip must be true or false, got "yes"',
    ],
    [
      'a role that is no list',
      'identities: { a: { roles: b } }',
      'line 1: identities.a.roles must be a list, got "b"',
    ],
    ['no roles', 'identities: { a: {} }', 'line 1: identities.a must say roles'],
    [
      'a bad limit',
      'identities: { a: { roles: [], limits: { watchers: -1 } } }',
      'watchers must be at least 0',
    ],
    ['no writes', 'identities: { a: { roles: [], limits: { writes_per_second: 0 } } }', 'must be above 0'],
    [
      'the name of the server',
      'identities: { system: { roles: [] } }',
      'identities.system is what the server calls',
    ],
    [
      'a * in the middle',
      'identities: { "a*b": { roles: [] } }',
      'identities.a*b may have a * only at its end',
    ],
    ['a bad namespace', 'four_eyes: [Live]', 'four_eyes[0] must be 1 to 63 of a-z, 0-9 and -, got "Live"'],
    ['a bad name of a role', 'roles: { "a b": {} }', 'roles.a b must be 1 to 64 letters'],
    ['a reserved key', 'roles: { __proto__: {} }', 'roles.__proto__ must be 1 to 64 letters'],
    ['a key twice', 'roles:\n  a: {}\n  a: {}', 'line 3: Map keys must be unique'],
    ['half a file', 'roles: { a: { trip: tr', 'line 1: '],
    [
      'several mistakes',
      'roles: { a: { trip: 1 } }\nidentities: { b: { rols: [] } }',
      'line 1: roles.a.trip must be true or false, got 1',
      'line 2: identities.b must say roles',
      'line 2: identities.b.rols is not known here: did you mean roles?',
    ],
  ];
  for (const [what, text, ...expected] of bad) {
    it(`is refused with ${what}, and says where`, () => {
      const found = problems(text);
      expect(found).to.have.length(expected.length);
      expected.forEach((problem, i) => expect(found[i]).to.include(problem));
      for (const line of found) expect(line).to.match(/^access\.yaml/);
    });
  }

  it('is taken or refused with an Error, whatever it holds', () => {
    const check = fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      try {
        parseAccess(text, 'f');
      } catch (error) {
        expect((error as Error).message).to.match(/^f( is neither YAML nor JSON|, line \d+: )/);
      }
    });
    fc.assert(check, { numRuns: 2000 });
  });

  it('gives nobody more by another identity', () => {
    const arbRole = fc.constantFrom('reader', 'msc_ai', 'operator', 'safety_governor');
    const check = fc.property(arbRole, arbRole, (mine, yours) => {
      const alone = rights(JSON.stringify({ identities: { me: { roles: [mine] } } }), 'me');
      const both = { me: { roles: [mine] }, you: { roles: [yours] } };
      expect(rights(JSON.stringify({ identities: both }), 'me')).to.deep.equal(alone);
    });
    fc.assert(check);
  });

  it('knows every field of the policy', () => {
    const text = JSON.stringify({ roles: { a: { write: FIELDS } }, identities: { a: { roles: ['a'] } } });
    expect([...rights(text, 'a').write]).to.deep.equal(FIELDS);
  });
});
