import { RiskMode } from '@policystore/client/proto';
import { expect } from 'chai';

import { emptyPatch } from '../../../server/src/domain/patch/patch.js';
import { type TestEngine, refusal, useEngines, type WriteParts } from '../../support/engine.js';

const add = (...names: string[]) => ({ clear: false, remove: [], add: names });
const replace = (...names: string[]) => ({ clear: true, remove: [], add: names });

describe('while an override masks fields', () => {
  const start = useEngines();

  async function startMasked(): Promise<TestEngine> {
    const engine = await start();
    await engine.patch({ allowedStrategies: add('trend', 'carry'), allowedSymbols: add('BTC', 'ETH') });
    await engine.override();
    await engine.override({ name: 'ban', limits: { blockSymbols: ['ETH'] } });
    return engine;
  }

  it('writes go on underneath and are logged, and the answer names what is hidden', async () => {
    const engine = await startMasked();
    const outcome = await engine.patch({
      riskMode: RiskMode.AGGRESSIVE,
      maxPositions: 12,
      globalMinConfidence: 0.9,
      allowedSymbols: add('SOL'),
    });
    expect(outcome.maskedFields).to.deep.equal(['risk_mode', 'max_positions']);
    expect(outcome.patch).to.deep.include({ riskMode: RiskMode.AGGRESSIVE, maxPositions: 12 });
    const logged = engine.log.at(-1);
    const change = logged?.event === 'changed' ? logged.change.change : undefined;
    expect(change?.patch).to.deep.equal(outcome.patch);
    expect(change?.effectivePatch).to.deep.equal({
      ...emptyPatch(),
      globalMinConfidence: 0.9,
      allowedSymbols: add('SOL'),
    });
    expect(engine.policy()).to.deep.include({ riskMode: RiskMode.DEFENSIVE, maxPositions: 3 });
    await engine.restore();
    expect(engine.policy()).to.deep.include({ riskMode: RiskMode.AGGRESSIVE, maxPositions: 12 });
  });

  it('a write that is as tight is not called masked, nor what it took out of a list', async () => {
    const engine = await startMasked();
    const { maskedFields } = await engine.patch({
      riskMode: RiskMode.DEFENSIVE,
      maxPositions: 2,
      allowedSymbols: { clear: false, remove: ['ETH'], add: [] },
    });
    expect(maskedFields).to.deep.equal([]);
    expect(engine.policy().maxPositions).to.equal(2);
  });

  it('a change of what no override limits has no effective patch of its own', async () => {
    const engine = await startMasked();
    await engine.patch({ oppRankings: { clear: false, remove: [], put: new Map([['BTC', 1]]) } });
    const logged = engine.log.at(-1);
    const change = logged?.event === 'changed' ? logged.change.change : undefined;
    expect(change?.effectivePatch).to.equal(undefined);
  });

  for (const [what, write] of Object.entries({
    'a Patch that replaces': (engine: TestEngine, parts: WriteParts) =>
      engine.patch({ allowedStrategies: replace(), allowedSymbols: replace('BTC', 'SOL') }, parts),
    'an Update that replaces': (engine: TestEngine, parts: WriteParts) =>
      engine.update({ allowedSymbols: ['BTC', 'SOL'] }, parts),
  })) {
    it(`${what} a masked list without expected_version is refused, naming the lists, and changes nothing`, async () => {
      const engine = await startMasked();
      const before = engine.version();
      for (const validateOnly of [false, true]) {
        const { message } = await refusal(write(engine, { validateOnly }), 'FIELD_MASKED');
        expect(message).to.include('allowed_strategies and allowed_symbols').and.to.include('view BASE');
      }
      expect(engine.version()).to.deep.equal(before);
      await engine.restore();
      await engine.restore('ban');
      expect(engine.policy()).to.deep.include({ allowedStrategies: ['trend', 'carry'] });
      expect(engine.policy().allowedSymbols).to.deep.equal(['BTC', 'ETH']);
    });

    it(`${what} a masked list with expected_version means the base`, async () => {
      const engine = await startMasked();
      await write(engine, { expectedVersion: engine.version() });
      expect(engine.policy().allowedSymbols).to.deep.equal(['BTC', 'SOL']);
      await engine.restore();
      expect(engine.policy().allowedStrategies).to.deep.equal([]);
    });
  }

  it('a list that no override masks may be replaced', async () => {
    const engine = await startMasked();
    await engine.restore();
    await engine.patch({ allowedStrategies: replace('carry') });
    await refusal(engine.patch({ allowedSymbols: replace('BTC') }), 'FIELD_MASKED');
    await engine.patch({ allowedSymbols: { clear: false, remove: ['ETH'], add: ['DOGE'] } });
    await engine.patch({ allowedSymbols: replace('BTC') });
    expect(engine.policy()).to.deep.include({ allowedStrategies: ['carry'], allowedSymbols: ['BTC'] });
  });

  it('an Update that leaves the masked lists as they are is no replacement', async () => {
    const engine = await startMasked();
    const lists = { allowedStrategies: ['trend', 'carry'], allowedSymbols: ['BTC', 'ETH'] };
    const { patch } = await engine.update({ ...lists, maxPositions: 12 });
    expect(patch).to.deep.include({
      maxPositions: 12,
      allowedSymbols: undefined,
      allowedStrategies: undefined,
    });
  });

  it('Reset and Rollback say what they mean by themselves, and are not refused', async () => {
    const engine = await startMasked();
    const reset = await engine.reset();
    expect(reset.patch?.allowedSymbols).to.deep.equal(replace());
    const back = await engine.rollback(2);
    expect(back.patch?.allowedSymbols).to.deep.equal(add('BTC', 'ETH'));
    expect(back.maskedFields).to.deep.equal(['allowed_strategies', 'allowed_symbols']);
    expect(engine.policy().allowedSymbols).to.deep.equal(['BTC']);
  });

  it('a write that is only checked answers the would-be base, with what is in force', async () => {
    const engine = await startMasked();
    const { policy, maskedFields } = await engine.patch({ maxPositions: 12 }, { validateOnly: true });
    expect(maskedFields).to.deep.equal(['max_positions']);
    expect(policy).to.deep.include({ maxPositions: 12, allowedSymbols: ['BTC', 'ETH'] });
    expect(policy?.overrides).to.deep.equal(engine.get().policy?.overrides);
  });
});
