import { readPolicy, RiskMode, TradingState } from '@policystore/client';
import { GlobalPolicy } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { decodePolicyFile, encodePolicyFile } from '../../../clients/typescript/src/live/policy-file.js';

const version = { epoch: 'k3v9', revision: 42 };
const savedAt = new Date('2026-11-20T14:00:00.123Z');
const policy = readPolicy(
  GlobalPolicy.fromPartial({
    riskMode: RiskMode.AGGRESSIVE,
    allowedStrategies: ['trend', 'Überschlag'],
    allowedSymbols: ['BTCUSDT'],
    maxRiskPerTrade: 0.015,
    maxPositions: 12,
    globalMinConfidence: 0.6,
    oppRankings: new Map([['BTCUSDT', 0.9]]),
    modelVersions: new Map([['ranker', 'v3\n']]),
    customParams: { nested: { list: [1, null, 'x'] } },
    lastUpdated: { seconds: 1_700_000_000, nanos: 5e6 },
    tradingState: TradingState.REDUCE_ONLY,
    overrides: [{ name: 'breaker', reason: 'drawdown', pending: true }],
  }),
);
const file = encodePolicyFile('default', { policy, version }, savedAt);

describe('the file of a last known good policy', () => {
  it('gives back what was saved', () => {
    expect(decodePolicyFile('default', file)).to.deep.equal({ policy, version, savedAt });
  });

  it('says in its first line what it is', () => {
    expect(JSON.parse(file.toString().split('\n')[0]!)).to.include({
      format: 'policystore-last-known-good/1',
      namespace: 'default',
      version: 'k3v9:42',
      savedAt: savedAt.toISOString(),
    });
  });

  it('is refused wherever one of its bytes is another one', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: file.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        (index, bits) => {
          const damaged = Buffer.from(file);
          damaged[index]! ^= bits;
          try {
            // A space more between the parts of the first line would say the same.
            expect(decodePolicyFile('default', damaged)).to.deep.equal({ policy, version, savedAt });
          } catch (error) {
            expect(error).to.be.instanceOf(Error);
            expect((error as Error).message).to.match(/^it is /);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('is refused wherever it is cut off, and where something was added', () => {
    for (let length = 0; length < file.length; length += 1) {
      expect(() => decodePolicyFile('default', file.subarray(0, length))).to.throw(
        /^it is (damaged|no last)/,
      );
    }
    expect(() => decodePolicyFile('default', Buffer.concat([file, Buffer.from('x')]))).to.throw('damaged');
  });

  for (const [what, content, reason] of [
    ['of nothing', '', 'it is no last known good policy'],
    ['of something else', '{"name":"package"}\n', 'it is no last known good policy'],
    ['of a list', '[1,2]\n', 'it is no last known good policy'],
    ['of null', 'null\n', 'it is no last known good policy'],
    [
      'of a later format',
      '{"format":"policystore-last-known-good/2"}\n',
      'format policystore-last-known-good/2',
    ],
  ] as const) {
    it(`is refused where it is ${what}`, () => {
      expect(() => decodePolicyFile('default', Buffer.from(content))).to.throw(reason);
    });
  }

  it('is refused in another namespace', () => {
    expect(() => decodePolicyFile('paper', file)).to.throw('of namespace "default", not "paper"');
  });
});
