import { Preset, RiskMode } from '@policystore/client/proto';
import { expect } from 'chai';

import type { PolicyError } from '../../../server/src/errors.js';
import { accessOf, type TestAccess } from '../../support/access.js';
import {
  refusal,
  ROOMY,
  type TestEngine,
  useEngines,
  wholeLog,
  type WriteParts,
} from '../../support/engine.js';
import { hold } from '../../support/faulty-store.js';
import { useLinked } from '../../support/linked.js';

const FILE = `
identities:
  tester: { roles: [operator] }
  ops: { roles: [operator] }
  msc: { roles: [msc_ai] }
  governor: { roles: [safety_governor] }
  executor: { roles: [executor] }
`;

/** Writes as somebody else than the operator, who is `tester`. */
function as(actor: string, parts: WriteParts = {}): WriteParts {
  return { actor, ...parts };
}

function denial(outcome: Promise<unknown>): Promise<PolicyError> {
  return refusal(outcome, 'PERMISSION_DENIED');
}

describe('the rights of a write', () => {
  const start = useEngines();

  async function startWith(text = FILE): Promise<{ engine: TestEngine; access: TestAccess }> {
    const access = accessOf(text);
    const engine = await start({ access });
    const allowedSymbols = { clear: false, remove: [], add: ['BTC', 'ETH'] };
    await engine.patch({ riskMode: RiskMode.NORMAL, maxPositions: 10, allowedSymbols });
    return { engine, access };
  }

  it('are asked of what it would really change, and not of what it names', async () => {
    const { engine } = await startWith();
    await engine.patch({ maxPositions: 12, oppRankings: undefined }, as('msc'));
    const current = engine.policy();
    await engine.update({ ...current, maxPositions: 11 }, as('msc'));
    expect(engine.policy()).to.deep.equal({ ...current, maxPositions: 11 });
    // Symbols that are there already.
    const add = { clear: false, remove: ['XRP'], add: ['BTC'] };
    await engine.patch({ allowedSymbols: add }, as('msc'));
  });

  it('refuse the whole write for one field, name all that are refused with who could, and change nothing', async () => {
    const { engine } = await startWith();
    const before = engine.get();
    const error = await denial(
      engine.patch(
        {
          maxPositions: 12,
          allowedSymbols: { clear: false, remove: ['BTC'], add: [] },
          systemHealth: { cpu: 1 },
        },
        as('msc'),
      ),
    );
    expect(error.message).to.equal(
      '"msc" may not in namespace "default": tighten allowed_symbols (roles that may: opportunity_ranker, ' +
        'safety_governor, operator), nor change system_health (roles that may: health_monitor, operator)',
    );
    expect(error.violations).to.deep.equal([
      {
        field: 'allowed_symbols',
        description:
          'you may not tighten allowed_symbols (roles that may: opportunity_ranker, safety_governor, operator)',
      },
      {
        field: 'system_health',
        description: 'you may not change system_health (roles that may: health_monitor, operator)',
      },
    ]);
    expect(error.metadata).to.deep.equal({
      identity: 'msc',
      namespace: 'default',
      fields: 'allowed_symbols,system_health',
      roles: 'operator',
    });
    expect(engine.get()).to.deep.include({ policy: before.policy, version: before.version });
  });

  it('let a governor tighten any field by any call, and loosen none', async () => {
    const { engine } = await startWith();
    await engine.patch({ maxPositions: 9, globalMinConfidence: 0.7 }, as('governor'));
    await engine.update({ ...engine.policy(), allowedSymbols: ['ETH'] }, as('governor'));
    await denial(engine.patch({ maxPositions: 8, globalMinConfidence: 0.69 }, as('governor')));
    const { message } = await denial(engine.rollback(2, [], as('governor')));
    expect(message).to.include('loosen allowed_symbols').and.include('loosen max_positions');
    await denial(engine.reset(Preset.AGGRESSIVE, as('governor')));
    await engine.reset(Preset.CONSERVATIVE, as('governor'));
    expect(engine.policy().maxPositions).to.equal(5);
  });

  it('hold for a dry run too', async () => {
    const { engine } = await startWith();
    const dry = { validateOnly: true };
    await denial(engine.patch({ maxPositions: 1 }, as('executor', dry)));
    await denial(engine.override({}, as('msc', dry)));
    expect((await engine.patch({ maxPositions: 1 }, as('msc', dry))).policy?.maxPositions).to.equal(1);
    expect(await wholeLog(engine.store)).to.have.length(2);
  });

  it('are those of the moment at which it is worked out', async () => {
    const { engine, access } = await startWith();
    const first = engine.patch({ maxPositions: 11 }, as('msc'));
    const second = engine.patch({ maxPositions: 12 }, as('msc'));
    access.replace(FILE.replace('msc_ai', 'reader'));
    await Promise.all([first.catch(() => undefined), denial(second)]);
    access.replace(FILE);
    await engine.patch({ maxPositions: 13 }, as('msc'));
  });

  it('are not asked again of a retry, which is answered as before', async () => {
    const { engine, access } = await startWith();
    const write = (): Promise<unknown> => engine.patch({ maxPositions: 11 }, as('msc', { requestId: 'r1' }));
    await write();
    access.replace(FILE.replace('msc_ai', 'reader'));
    expect(await write()).to.deep.include({ replayed: true });
    await denial(engine.patch({ maxPositions: 12 }, as('msc', { requestId: 'r2' })));
  });

  it('are looked at before a version that does not hold any more, where there are none', async () => {
    const { engine } = await startWith();
    const expectedVersion = engine.version();
    await engine.patch({ maxPositions: 11 });
    await denial(engine.patch({ maxPositions: 12 }, as('nobody', { expectedVersion })));
    await refusal(engine.patch({ maxPositions: 12 }, as('msc', { expectedVersion })), 'VERSION_MISMATCH');
  });

  describe('of an override', () => {
    it('are one to trip and another to restore', async () => {
      const { engine } = await startWith();
      const { message, metadata } = await denial(engine.override({}, as('msc')));
      expect(message).to.include('put overrides in force (roles that may: safety_governor, operator)');
      expect(metadata).to.deep.include({ fields: 'overrides' });
      await engine.override({}, as('governor'));
      await denial(engine.restore('', as('msc')));
      await engine.restore('', as('governor'));
    });

    it("let a governor restore what is its own, and never an operator's", async () => {
      const { engine } = await startWith();
      await engine.override({ name: 'own' }, as('governor'));
      await engine.override({ name: 'ban' }, as('ops'));
      await engine.restore('own', as('governor'));
      const { message } = await denial(engine.restore('ban', as('governor')));
      expect(message).to.include('restore the override "ban", which ops put in force');
      expect(message).to.include('roles that may: operator');
    });

    it("make no override of an operator a governor's own by issuing it again", async () => {
      const { engine } = await startWith();
      await engine.override({ limits: { maxPositions: 5 } }, as('ops'));
      await engine.override({ limits: { maxPositions: 4 } }, as('governor'));
      await denial(engine.restore('', as('governor')));
    });

    it('keep in force what an operator issued again, however tight it was already', async () => {
      const { engine } = await startWith();
      await engine.override({}, as('governor'));
      await engine.override({}, as('ops'));
      await denial(engine.restore('', as('governor')));
      await engine.restore('', as('ops'));
    });

    it('ask of a ttl what restoring asks', async () => {
      const { engine } = await startWith(
        `${FILE}  tripper: { roles: [tripper] }\nroles: { tripper: { trip: true } }`,
      );
      await engine.override({ name: 'a', ttlMs: 1000 }, as('governor'));
      await engine.override({ name: 'b' }, as('tripper'));
      const { message } = await denial(engine.override({ name: 'c', ttlMs: 1000 }, as('tripper')));
      expect(message).to.include('give an override a ttl, which restores it in advance');
      await denial(engine.restore('b', as('tripper')));
    });

    it('need another to restore, and allow no ttl, where the file says so', async () => {
      const { engine } = await startWith(`${FILE}four_eyes: true`);
      await engine.override({}, as('ops'));
      await denial(engine.restore('', as('ops')));
      await denial(engine.override({ name: 'short', ttlMs: 1000 }, as('ops')));
      await engine.restore('');
      await engine.override({}, as('governor'));
      await denial(engine.restore('', as('governor')));
      await engine.restore('', as('ops'));
    });

    it('are not asked where it changes nothing', async () => {
      const { engine } = await startWith();
      await engine.override({}, as('governor'));
      expect((await engine.override({}, as('governor'))).override).to.deep.include({ actor: 'governor' });
      expect(await wholeLog(engine.store)).to.have.length(3);
    });
  });
});

describe('the rights of an override that the store does not hear of', () => {
  const start = useLinked();

  it('are asked before it acts, and it is refused as such', async () => {
    const { clock, replicas } = await start(1, ROOMY, { access: accessOf(FILE) });
    const { link, engine } = replicas[0]!;
    link.always('unusable');
    const allowed = await engine.override({ name: 'stop' }, as('governor'));
    expect(allowed.override).to.deep.include({ pending: true });
    const refused = denial(engine.override({ name: 'hers' }, as('msc')));
    await clock.advance(3000);
    await refused;
    expect(engine.get().policy?.overrides.map(({ name }) => name)).to.deep.equal(['stop']);
    link.always(undefined);
    await clock.advance(3000);
    expect(engine.get().policy?.overrides.map(({ name, pending }) => [name, pending])).to.deep.equal([
      ['stop', false],
    ]);
  });

  it('are not asked again when it is committed: it acts already', async () => {
    const access = accessOf(FILE);
    const { clock, replicas } = await start(1, ROOMY, { access });
    const { link, engine } = replicas[0]!;
    link.always('unusable');
    await engine.override({}, as('governor'));
    access.replace(FILE.replace('safety_governor', 'reader'));
    link.always(undefined);
    await clock.advance(3000);
    expect(engine.get().policy?.overrides.map(({ pending }) => pending)).to.deep.equal([false]);
  });

  it('are asked at once, so that who has none puts nothing in the queue before the writes of others', async () => {
    const { clock, replicas } = await start(1, ROOMY, { access: accessOf(FILE) });
    const { link, engine } = replicas[0]!;
    const held = hold();
    link.next(held);
    const others = engine.patch({ maxPositions: 12 }, as('msc'));
    await held.arrived;
    // Neither the store nor the clock goes on.
    await denial(engine.override({}, as('executor')));
    await held.release();
    await clock.advance(20);
    await others;
  });

  it('are asked again when it comes into force, though the same was in force, which the log may have lost', async () => {
    const access = accessOf(FILE);
    const { clock, replicas } = await start(1, ROOMY, { access });
    const { link, engine } = replicas[0]!;
    await engine.override({}, as('governor'));
    const held = hold();
    link.next(held);
    const unchanged = engine.override({}, as('governor'));
    await held.arrived;
    access.replace(FILE.replace('safety_governor', 'reader'));
    await clock.advance(20);
    expect(engine.get().policy?.overrides.map(({ pending }) => pending)).to.deep.equal([false]);
    await held.release();
    await unchanged;
  });
});

describe('who may read', () => {
  const start = useEngines();

  it('is asked of every call to a namespace, and the refusal does not say whether there is one', async () => {
    const { engine } = await start({ access: accessOf(FILE) });
    const visit = (name: string, identity: string, right: 'read' | 'history' | 'fleet') => () =>
      engine.namespace(name, { name: identity, verified: true }, right);
    expect(visit('default', 'executor', 'read')().name).to.equal('default');
    for (const name of ['default', 'live', '']) {
      expect(visit(name, 'nobody', 'read')).to.throw(
        `"nobody" may not in namespace "${name}": read the policy`,
      );
    }
    expect(visit('live', 'executor', 'read')).to.throw(
      'there is no namespace "live"; this server has default',
    );
    expect(visit('default', 'executor', 'history')).to.throw('read the history (roles that may: operator)');
    expect(visit('default', 'executor', 'fleet')).to.throw('ask who runs what');
    expect(visit('default', 'governor', 'fleet')().name).to.equal('default');
  });

  it('decides which streams go on when that changes', async () => {
    const access = accessOf(FILE);
    const engine = await start({ access });
    const [executor, msc] = ['executor', 'msc'].map((name) =>
      engine.watch({ identity: { name, verified: true } }),
    );
    access.replace(FILE);
    expect(executor!.error).to.equal(undefined);
    access.replace(FILE.replace('executor: { roles: [executor] }', 'executor: { roles: [] }'));
    expect(executor!.error).to.include({ reason: 'PERMISSION_DENIED' });
    expect(msc!.error).to.equal(undefined);
    await engine.patch({ maxPositions: 3 });
    expect([executor!.messages.length, msc!.messages.length]).to.deep.equal([1, 2]);
    access.replace('{}');
    expect(msc!.error).to.include({ reason: 'PERMISSION_DENIED' });
  });
});
