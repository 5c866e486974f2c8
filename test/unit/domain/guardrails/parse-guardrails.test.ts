import { expect } from 'chai';

import { parseGuardrails } from '../../../../server/src/domain/guardrails/parse-guardrails.js';

describe('a file of guardrails', () => {
  const parse = (text: string) => parseGuardrails(text, 'g.yaml', ['default', 'live']);
  function problems(text: string): string[] {
    try {
      parse(text);
    } catch (error) {
      return (error as Error).message.split('\n');
    }
    throw new Error('it was accepted');
  }
  /** The problems of one rule whose schema is this; the lines do not matter. */
  const schemaProblems = (schema: unknown): string[] =>
    problems(JSON.stringify({ rules: [{ name: 'r', schema }] })).map((line) =>
      line.replace(/^.*line \d+: /, ''),
    );
  const accepts = (schema: unknown): void => {
    parse(JSON.stringify({ rules: [{ name: 'r', schema }] }));
  };

  it('has rules for all namespaces, and for some', () => {
    const guardrails = parse(`
rules:
  - { name: slow, field: max_positions, per_change: 5, per_hour: 50% }
  - { name: live-only, namespaces: [live], schema: { properties: { max_positions: { maximum: 9 } } } }
`);
    expect(guardrails.rules.map(({ name }) => name)).to.deep.equal(['slow', 'live-only']);
    expect(guardrails.in('default').map(({ name }) => name)).to.deep.equal(['slow']);
    expect(guardrails.in('live').map(({ name }) => name)).to.deep.equal(['slow', 'live-only']);
    expect(parse('rules: []').rules).to.deep.equal([]);
  });

  it('that is wrong is refused as a whole, with every line, place and the nearest name', () => {
    const found = problems(`rules:
  - name: slow
    feild: max_positions
  - name: not a name
    field: max_position
    per_change: 5
  - field: max_positions
`);
    expect(found).to.deep.equal([
      'g.yaml, line 3: rules[0].feild is not known here: did you mean field?',
      'g.yaml, line 4: rules[1].name must be 1 to 64 letters, digits, _, . and -, got "not a name"',
      'g.yaml, line 5: rules[1].field got "max_position", which has no steps: did you mean max_positions?',
      "g.yaml, line 7: rules[2] must have required property 'name'",
    ]);
  });

  const wrong: [what: string, text: string, ...problems: string[]][] = [
    ['nothing', '', 'g.yaml, line 1: the file must be object, got null'],
    ['no rules', '{}', "g.yaml, line 1: the file must have required property 'rules'"],
    ['another list', 'rule: []', 'did you mean rules?'],
    ['half of a file', 'rules:\n  - name: "a', 'g.yaml is neither YAML nor JSON that can be used: line 2'],
    [
      'a rule of nothing',
      'rules: [{ name: a }]',
      'rules[0] must have either a schema, or a field with per_change, per_hour or both',
    ],
    [
      'a field without a limit',
      'rules: [{ name: a, field: max_positions }]',
      'must say per_change, per_hour or both',
    ],
    [
      'both',
      'rules: [{ name: a, field: max_positions, schema: {} }]',
      'must have either a schema, or a field',
    ],
    [
      'a limit on a schema',
      'rules: [{ name: a, schema: { properties: { max_positions: {} } }, per_hour: 1 }]',
      'belongs to a rule with a field',
    ],
    [
      'one name twice',
      'rules: [{ name: a, field: max_positions, per_hour: 1 }, { name: a, field: risk_mode, per_hour: 1 }]',
      'rules[1].name "a" is the name of another rule',
    ],
    [
      'a namespace that there is not',
      'rules: [{ name: a, namespaces: [lvie], field: risk_mode, per_hour: 1 }]',
      'there is no namespace "lvie": did you mean live?',
    ],
    [
      'a negative step',
      'rules: [{ name: a, field: max_positions, per_hour: -1 }]',
      'rules[0].per_hour must be at least 0, got -1',
    ],
    [
      'half a position',
      'rules: [{ name: a, field: max_positions, per_hour: 1.5 }]',
      'must be a whole number, got 1.5',
    ],
    ['no number', 'rules: [{ name: a, field: max_positions, per_hour: .nan }]', 'per_hour must be'],
    [
      'a share that is none',
      'rules: [{ name: a, field: max_positions, per_hour: lots }]',
      'must be a number, or a share such as 20%, got "lots"',
    ],
    [
      'a share of names',
      'rules: [{ name: a, field: allowed_symbols, per_hour: 20% }]',
      'must be a number for allowed_symbols, got "20%"',
    ],
    [
      'a struct',
      'rules: [{ name: a, field: custom_params, per_hour: 1 }]',
      'got "custom_params", which has no steps',
    ],
  ];
  for (const [what, text, problem] of wrong) {
    it(`is refused with ${what}`, () => {
      expect(problems(text).join('\n')).to.include(problem);
    });
  }

  describe('with a schema', () => {
    it('may say what it likes of the fields', () => {
      accepts({
        $defs: { few: { type: 'integer', maximum: 3 } },
        properties: {
          risk_mode: { enum: ['NORMAL', 'DEFENSIVE'] },
          max_positions: { $ref: '#/$defs/few' },
          allowed_symbols: { items: { enum: Array.from({ length: 800 }, (_, i) => `S${i}`) }, maxItems: 20 },
          custom_params: {
            properties: { leverage: { type: 'number', maximum: 3 } },
            additionalProperties: false,
          },
        },
        anyOf: [
          { properties: { risk_mode: { const: 'DEFENSIVE' } } },
          { properties: { max_risk_per_trade: { maximum: 0.02 } } },
        ],
      });
    });

    const refused: [what: string, schema: unknown, problem: string][] = [
      [
        'a field that there is not',
        { properties: { max_position: {} } },
        'properties.max_position "max_position" is not a field of a policy: did you mean max_positions?',
      ],
      [
        'a misspelt keyword',
        { properties: { max_positions: { maximun: 3 } } },
        'maximun is not a keyword that can be used here: did you mean maximum?',
      ],
      [
        'a pattern',
        { properties: { risk_mode: { pattern: '(a+)+$' } } },
        'pattern is not allowed: a pattern can take a very long time',
      ],
      [
        'patterns of names',
        { properties: { opp_rankings: { patternProperties: { '(a+)+$': {} } } } },
        'patternProperties is not allowed',
      ],
      [
        'uniqueItems',
        { properties: { custom_params: { properties: { a: { type: 'array', uniqueItems: true } } } } },
        'uniqueItems is not allowed',
      ],
      [
        'a reference elsewhere',
        { $ref: 'https://example.com/schema' },
        'must name a definition of this schema',
      ],
      [
        'a reference to nothing',
        { $ref: '#/$defs/constructor', $defs: {} },
        'must name a definition of this schema',
      ],
      ['$data', { properties: { max_positions: { maximum: { $data: '/x' } } } }, 'must be number'],
      [
        'a bound that is no number',
        { properties: { max_positions: { maximum: '3' } } },
        'properties.max_positions.maximum must be number',
      ],
      [
        'a keyword that does not fit the field',
        { properties: { risk_mode: { maximum: 3 } } },
        'missing type "number" for keyword "maximum"',
      ],
      [
        'a mode that there is not',
        { if: { properties: { risk_mode: { const: 'AGRESSIVE' } } } },
        'risk_mode.const "AGRESSIVE" is not a risk mode: did you mean AGGRESSIVE?',
      ],
      ['nothing to say', { title: 'x' }, 'says nothing about a field'],
      ['which members a policy has', { additionalProperties: false }, 'cannot be said of the policy itself'],
      ['a schema that is none', { allOf: [5] }, 'allOf[0] must be a schema, got 5'],
    ];
    for (const [what, schema, problem] of refused) {
      it(`is refused with ${what}`, () => {
        expect(schemaProblems(schema).join('\n')).to.include(problem);
      });
    }

    it('is refused where it leads back to itself, or multiplies', () => {
      const ref = (name: string) => ({ $ref: `#/$defs/${name}` });
      const properties = { custom_params: ref('a') };
      expect(schemaProblems({ properties, $defs: { a: { not: ref('a') } } }).join()).to.include(
        'leads back to itself',
      );
      const levels = Array.from({ length: 30 }, (_, i): [string, object] => [
        `a${i}`,
        { allOf: [ref(`a${i + 1}`), ref(`a${i + 1}`)] },
      ]);
      const $defs: object = { a: ref('a0'), ...Object.fromEntries(levels), a30: {} };
      expect(schemaProblems({ properties, $defs }).join()).to.include('asks for too much');
      const many = { enum: Array.from({ length: 2000 }, (_, i) => `S${i}`) };
      expect(schemaProblems({ properties: { allowed_symbols: { items: many } } }).join()).to.include(
        'asks for too much',
      );
      const names = Array.from({ length: 8000 }, (_, i) => i.toString(36));
      for (const keyword of [{ required: names }, { dependentRequired: { a: names } }]) {
        const each = { additionalProperties: { type: 'object', ...keyword } };
        expect(schemaProblems({ properties: { custom_params: each } }).join()).to.include(
          'asks for too much',
        );
      }
    });

    it('is refused where all together ask for too much', () => {
      const schema = {
        properties: { allowed_symbols: { items: { type: 'string', minLength: 1, maxLength: 9 } } },
      };
      const rules = Array.from({ length: 7 }, (_, i) => ({ name: `r${i}`, schema }));
      const text = (count: number): string => JSON.stringify({ rules: rules.slice(0, count) });
      expect(parse(text(6)).rules).to.have.lengthOf(6);
      expect(problems(text(7)).join()).to.match(/rules ask for too much together: \d+ checks of one policy/);
    });

    it('is refused where it is too large or too deep', () => {
      const enumeration = Array.from({ length: 7000 }, (_, i) => `SYMBOL-${i}`);
      expect(schemaProblems({ properties: { risk_mode: { enum: enumeration } } }).join()).to.include(
        'at most 65536 bytes',
      );
      let deep: object = { type: 'object' };
      for (let i = 0; i < 200; i += 1) deep = { not: deep };
      expect(schemaProblems({ properties: { custom_params: deep } }).join()).to.include('nested deeper');
    });

    it('cannot reach a prototype', () => {
      const text = '{"rules":[{"name":"r","schema":{"__proto__":{"x":1},"properties":{"__proto__":{}}}}]}';
      expect(problems(text).join('\n')).to.include('__proto__');
      expect(Object.prototype).to.not.have.property('x');
    });
  });
});
