import { runInNewContext } from 'node:vm';

import { type PolicyStoreError, readPolicy, RiskMode } from '@policystore/client';
import { GlobalPolicy } from '@policystore/client/proto';
import { expect } from 'chai';

import {
  type PatchInput,
  type PolicyInput,
  writePatch,
  writePolicy,
} from '../../../clients/typescript/src/input.js';

describe('patch input', () => {
  it('takes an array as a replacement of the list', () => {
    expect(writePatch({ allowedSymbols: ['BTC', 'ETH'] }).allowedSymbols).to.deep.equal({
      clear: true,
      remove: [],
      add: ['BTC', 'ETH'],
    });
  });

  it('takes an empty array as an emptied list, and nothing as a list that stays', () => {
    const patch = writePatch({ allowedSymbols: [], allowedStrategies: undefined });

    expect(patch.allowedSymbols).to.deep.equal({ clear: true, remove: [], add: [] });
    expect(patch.allowedStrategies).to.equal(undefined);
  });

  it('takes additions and removals by name', () => {
    expect(writePatch({ allowedSymbols: { add: ['SOL'], remove: ['BTC'] } }).allowedSymbols).to.deep.equal({
      clear: false,
      remove: ['BTC'],
      add: ['SOL'],
    });
  });

  it('takes plain objects and Maps, and keeps hostile names for the server to refuse', () => {
    const hostile = JSON.parse('{"BTC":0.9,"__proto__":0.1}') as Record<string, number>;

    expect([...writePatch({ oppRankings: { put: hostile } }).oppRankings!.put]).to.deep.equal([
      ['BTC', 0.9],
      ['__proto__', 0.1],
    ]);
    expect(
      writePatch({ modelVersions: { put: new Map([['m', '1']]) } }).modelVersions!.put.get('m'),
    ).to.equal('1');
  });

  it('names a field that does not exist, at the top and inside a field', () => {
    const misspelt = { max_positions: 3 } as PatchInput;
    const inside = { allowedSymbols: { append: ['BTC'] } } as PatchInput;

    expect(() => writePatch(misspelt)).to.throw(TypeError, 'the patch has no field "max_positions"');
    expect(() => writePatch(inside)).to.throw(TypeError, 'allowedSymbols has no field "append"');
  });

  it('refuses a Map as the change of a dictionary, which has to say whether it adds or replaces', () => {
    const map = new Map([['BTC', 0.9]]);
    const foreign = runInNewContext('new Map([["BTC", 0.9]])') as Map<string, number>;

    for (const oppRankings of [map, new Map<string, number>(), foreign]) {
      expect(() => writePatch({ oppRankings } as unknown as PatchInput)).to.throw(
        TypeError,
        'oppRankings is a Map; use { put: map } to add to what is there, { clear: true, put: map } to replace it',
      );
    }
    const modelVersions = new Map([['m', '1']]);
    expect(() => writePatch({ modelVersions } as unknown as PatchInput)).to.throw(
      TypeError,
      'modelVersions is',
    );
  });

  it('empties only for true', () => {
    for (const clear of ['yes', 'false', 1, null, () => undefined]) {
      expect(() => writePatch({ oppRankings: { clear } } as unknown as PatchInput)).to.throw(
        TypeError,
        'oppRankings.clear must be true or false',
      );
      expect(() => writePatch({ allowedSymbols: { clear } } as unknown as PatchInput)).to.throw(
        TypeError,
        'allowedSymbols.clear must be true or false',
      );
    }
    expect(writePatch({ oppRankings: { clear: true } }).oppRankings!.clear).to.equal(true);
  });

  it('refuses null where a list or a dictionary belongs', () => {
    expect(() => writePatch({ allowedSymbols: null } as unknown as PatchInput)).to.throw(
      TypeError,
      'allowedSymbols takes an object',
    );
    expect(() => writePatch({ oppRankings: null } as unknown as PatchInput)).to.throw(
      TypeError,
      'oppRankings takes an object',
    );
  });

  it('refuses what the wire cannot carry, all fields at once', () => {
    const unfit = {
      maxPositions: 2.5,
      maxRiskPerTrade: '0.1',
      riskMode: 'NORMAL',
      globalMinConfidence: null,
    };

    let caught: unknown;
    try {
      writePatch(unfit as unknown as PatchInput);
    } catch (error) {
      caught = error;
    }
    expect(caught).to.have.property('name', 'PolicyStoreError');
    const { code, reason, violations } = caught as PolicyStoreError;
    expect({ code, reason }).to.deep.equal({ code: 'INVALID_ARGUMENT', reason: 'VALIDATION_FAILED' });
    expect(violations.map(({ field }) => field)).to.deep.equal([
      'risk_mode',
      'max_risk_per_trade',
      'max_positions',
      'global_min_confidence',
    ]);
  });
});

describe('policy input', () => {
  it('takes Maps of another realm, such as a test runner makes', () => {
    const oppRankings = runInNewContext('new Map([["BTC", 0.9]])') as Map<string, number>;

    expect([...writePolicy({ oppRankings }).oppRankings]).to.deep.equal([['BTC', 0.9]]);
  });

  it('takes a policy that was read, without what is output only', () => {
    const read = readPolicy(
      GlobalPolicy.fromPartial({ riskMode: RiskMode.NORMAL, maxPositions: 5, lastUpdated: { seconds: 1 } }),
    );

    const written = writePolicy({ ...read, maxPositions: 3, oppRankings: { BTC: 1 } });

    expect(written.maxPositions).to.equal(3);
    expect(written.oppRankings).to.deep.equal(new Map([['BTC', 1]]));
    expect(written.lastUpdated).to.equal(undefined);
  });

  it('leaves absent scalars absent', () => {
    const { maxPositions, riskMode } = writePolicy({ allowedSymbols: ['BTC'] });

    expect({ maxPositions, riskMode }).to.deep.equal({
      maxPositions: undefined,
      riskMode: RiskMode.UNSPECIFIED,
    });
  });

  it('does not take a text for a list of its letters', () => {
    const unfit = [
      () => writePolicy({ allowedSymbols: 'BTC' } as unknown as PolicyInput),
      () => writePatch({ allowedSymbols: { add: 'BTC' } } as unknown as PatchInput),
      () => writePatch({ oppRankings: { remove: 'BTC' } } as unknown as PatchInput),
    ];

    for (const write of unfit) expect(write).to.throw(TypeError, /must be an array of names$/);
  });
});
