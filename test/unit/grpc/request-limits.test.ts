import { GlobalPolicy, PatchRequest, PolicyPatch, UpdateRequest } from '@policystore/client/proto';
import { expect } from 'chai';

import { findExcess } from '../../../server/src/grpc/request-limits.js';

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `N${i}`);
const scores = (count: number): Map<string, number> => new Map(names(count).map((name) => [name, 0.5]));

function patchBytes(patch: Partial<PolicyPatch>): Uint8Array {
  return PatchRequest.encode(
    PatchRequest.fromPartial({ patch: PolicyPatch.create(patch as PolicyPatch) }),
  ).finish();
}

function updateBytes(policy: Partial<GlobalPolicy>): Uint8Array {
  return UpdateRequest.encode(
    UpdateRequest.fromPartial({ policy: GlobalPolicy.create(policy as GlobalPolicy) }),
  ).finish();
}

describe('the limits of a request, looked at before it is decoded', () => {
  const listPatch = { clear: false, remove: names(10_000), add: names(10_000) };
  const rankings = { clear: false, remove: names(10_000), put: scores(10_000) };

  it('let a request pass that is as large as the rules allow', () => {
    expect(findExcess(patchBytes({ allowedSymbols: listPatch, oppRankings: rankings }), 'patch')).to.equal(
      undefined,
    );
    expect(
      findExcess(updateBytes({ allowedStrategies: names(10_000), oppRankings: scores(10_000) }), 'policy'),
    ).to.equal(undefined);
  });

  const tooMany: [name: string, bytes: () => Uint8Array, payload: 'patch' | 'policy', field: string][] = [
    [
      'names to add',
      () => patchBytes({ allowedSymbols: { clear: false, remove: [], add: names(10_001) } }),
      'patch',
      'allowed_symbols.add',
    ],
    [
      'names to remove',
      () => patchBytes({ allowedStrategies: { clear: false, remove: names(10_001), add: [] } }),
      'patch',
      'allowed_strategies.remove',
    ],
    [
      'scores to put',
      () => patchBytes({ oppRankings: { clear: false, remove: [], put: scores(10_001) } }),
      'patch',
      'opp_rankings.put',
    ],
    [
      'models to remove',
      () => patchBytes({ modelVersions: { clear: false, remove: names(10_001), put: new Map() } }),
      'patch',
      'model_versions.remove',
    ],
    ['strategies', () => updateBytes({ allowedStrategies: names(10_001) }), 'policy', 'allowed_strategies'],
    ['rankings', () => updateBytes({ oppRankings: scores(10_001) }), 'policy', 'opp_rankings'],
    [
      'values in a struct, however deep',
      () => patchBytes({ customParams: { a: { b: [Array.from({ length: 40_000 }, () => true)] } } }),
      'patch',
      'custom_params',
    ],
  ];
  for (const [name, bytes, payload, field] of tooMany) {
    it(`name the field that holds too many ${name}`, () => {
      expect(findExcess(bytes(), payload)).to.include({ field });
    });
  }

  it('name a payload above 1 MiB', () => {
    const bytes = patchBytes({ systemHealth: { text: 'x'.repeat(1024 * 1024) } });
    expect(findExcess(bytes, 'patch')).to.include({ field: 'patch' });
  });

  it('add up a message that is sent in pieces', () => {
    const half = patchBytes({ oppRankings: { clear: false, remove: [], put: scores(6000) } });
    expect(findExcess(half, 'patch')).to.equal(undefined);
    expect(findExcess(Buffer.concat([half, half]), 'patch')).to.include({ field: 'opp_rankings.put' });
  });

  it('throw where the bytes are no message', () => {
    expect(() => findExcess(Buffer.from([0x12, 0xff, 0xff, 0x03, 0x01]), 'patch')).to.throw(RangeError);
  });

  it('throw on nesting that would exhaust the stack', () => {
    let inner: Buffer = Buffer.alloc(0);
    // Value.list_value holding one Value, again and again.
    for (let i = 0; i < 5000; i += 1) inner = field(6, field(1, inner));
    const entry = Buffer.concat([field(1, Buffer.from('a')), field(2, inner)]);
    expect(() => findExcess(field(2, field(10, field(1, entry))), 'patch')).to.throw(RangeError);
  });
});

function field(number: number, content: Buffer): Buffer {
  const length: number[] = [];
  let rest = content.length;
  while (rest > 127) {
    length.push((rest & 127) | 128);
    rest >>>= 7;
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length, rest]), content]);
}
