import { PolicyPatch, Struct } from '@policystore/client/proto';
import { expect } from 'chai';

/** What JSON.parse makes of hostile text: `__proto__` is an own key here, as it is for an attacker. */
function hostile(): Record<string, unknown> {
  return JSON.parse(
    '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":2}},"a":[{"__proto__":3}],"hasOwnProperty":4}',
  ) as Record<string, unknown>;
}

function overTheWire(customParams: Record<string, unknown>): PolicyPatch {
  return PolicyPatch.decode(PolicyPatch.encode(PolicyPatch.fromPartial({ customParams })).finish());
}

describe('Struct on the wire', () => {
  it('keeps hostile names as own keys, at every depth', () => {
    const decoded = overTheWire(hostile()).customParams ?? {};

    expect(Object.keys(decoded)).to.have.members(['__proto__', 'constructor', 'a', 'hasOwnProperty']);
    expect(Object.getPrototypeOf(decoded)).to.equal(null);
    const nested = (decoded['a'] as object[])[0] ?? {};
    expect(Object.keys(nested)).to.deep.equal(['__proto__']);
    expect(Object.getPrototypeOf(nested)).to.equal(null);
  });

  it('encodes what it decoded to the same bytes', () => {
    const bytes = PolicyPatch.encode(PolicyPatch.fromPartial({ customParams: hostile() })).finish();

    expect(PolicyPatch.encode(PolicyPatch.decode(bytes)).finish()).to.deep.equal(bytes);
    expect(JSON.stringify(overTheWire(hostile()).customParams)).to.equal(JSON.stringify(hostile()));
  });

  it('lets no hostile name show through as an inherited property', () => {
    const decoded = overTheWire(hostile()).customParams ?? {};

    expect(decoded).not.to.have.property('polluted');
  });

  it('wraps and unwraps ordinary values of every kind', () => {
    const plain = { n: null, f: 1.5, s: 'x', b: false, o: { deep: { er: [1, [2], {}] } }, empty: [] };
    const decoded = Struct.unwrap(Struct.decode(Struct.encode(Struct.wrap(plain)).finish()));

    expect(JSON.parse(JSON.stringify(decoded))).to.deep.equal(plain);
  });
});
