import {
  BREAKER,
  PolicyClient,
  PolicyStoreError,
  SafetyGovernor,
  type SafetyGovernorOptions,
  type SafetyReport,
  TradingState,
} from '@policystore/client';
import { expect } from 'chai';

import { useComponentWorld } from '../../support/component-world.js';
import { rejection } from '../../support/rejection.js';
import { startProxy } from '../../support/tcp-proxy.js';

const NAME = 'safety-governor';

describe('SafetyGovernor', () => {
  const world = useComponentWorld();

  function governor(options: SafetyGovernorOptions = {}, client?: PolicyClient): SafetyGovernor {
    return new SafetyGovernor(client ?? world().client(SafetyGovernor.role), {
      maxDrawdown: 0.1,
      restoreBelow: 0.05,
      restoreAfter: 3,
      ...options,
    });
  }

  /** What each of the equities came to: `trip`, `restore`, `tripped`, or nothing. */
  async function feed(to: SafetyGovernor, equities: readonly number[]): Promise<string[]> {
    const words: string[] = [];
    for (const equity of equities) words.push(word(await to.observe(equity)));
    return words;
  }

  function word({ trip, restore, tripped }: SafetyReport): string {
    return trip ? 'trip' : restore ? 'restore' : tripped ? 'tripped' : '';
  }

  const inForce = async () => (await world().effective()).overrides.map(({ name }) => name);

  const table: [what: string, equities: number[], words: string[]][] = [
    ['trips once at the threshold', [100, 90.1, 90, 85, 80], ['', '', 'trip', 'tripped', 'tripped']],
    ['counts from the highest equity', [50, 100, 95, 91, 90], ['', '', '', '', 'trip']],
    [
      'restores after three observations in a row under the lower threshold',
      [100, 90, 95.1, 96, 97, 98],
      ['', 'trip', 'tripped', 'tripped', 'restore', ''],
    ],
    [
      'begins to count again where one is not',
      [100, 90, 96, 96, 95, 96, 96, 96],
      ['', 'trip', 'tripped', 'tripped', 'tripped', 'tripped', 'tripped', 'restore'],
    ],
    [
      'trips again after it restored',
      [100, 90, 96, 96, 96, 90, 96],
      ['', 'trip', 'tripped', 'tripped', 'restore', 'trip', 'tripped'],
    ],
    ['trips when all is lost', [100, 0], ['', 'trip']],
    ['takes no equity at all for no drawdown', [0, 0], ['', '']],
  ];

  for (const [what, equities, words] of table) {
    it(what, async () => {
      expect(await feed(governor(), equities)).to.deep.equal(words);

      const isTripped = words.at(-1) === 'trip' || words.at(-1) === 'tripped';
      expect(await inForce()).to.deep.equal(isTripped ? [NAME] : []);
      const trips = words.filter((each) => each === 'trip').length;
      const restores = words.filter((each) => each === 'restore').length;
      expect(await world().changes()).to.have.lengthOf(trips + restores);
    });
  }

  it('imposes what the circuit breaker does, and tells why', async () => {
    const own = governor();
    await own.observe(200);
    const { trip, drawdown, peak } = await own.observe(150);

    expect([drawdown, peak]).to.deep.equal([0.25, 200]);
    expect(trip?.override?.reason).to.equal('drawdown 25.00 % from 200 to 150, at most 10.00 %');
    const { overrides, tradingState } = await world().effective();
    expect(tradingState).to.equal(TradingState.REDUCE_ONLY);
    await world().operator.override({ reason: 'to compare' });
    const breaker = (await world().effective()).overrides.find(({ name }) => name === 'circuit-breaker');
    expect(overrides[0]!.limits).to.deep.equal(breaker?.limits);
    expect(overrides[0]!.limits).to.deep.include(BREAKER);
  });

  it('takes other limits and another name', async () => {
    const own = governor({ overrideName: 'halt', limits: { tradingState: TradingState.HALTED } });
    await feed(own, [100, 50]);

    expect(await inForce()).to.deep.equal(['halt']);
    expect((await world().effective()).tradingState).to.equal(TradingState.HALTED);
  });

  it('leaves the overrides of others alone', async () => {
    await world().operator.override({ reason: 'by hand' });

    await feed(governor(), [100, 90, 100, 100, 100]);

    expect(await inForce()).to.deep.equal(['circuit-breaker']);
  });

  it('restores by hand, and counts from the next equity', async () => {
    const own = governor({ restoreAfter: 'never' });
    await feed(own, [100, 80, 100, 100, 100, 100]);
    expect(await inForce()).to.deep.equal([NAME]);

    const restored = await own.restore('looked into');

    expect(restored?.version.revision).to.equal(3);
    expect(await inForce()).to.be.empty;
    expect(await feed(own, [80, 73, 72])).to.deep.equal(['', '', 'trip']);
    expect((await world().changes())[1]).to.include({ reason: 'looked into', actor: 'safety_governor' });
  });

  it('has nothing to restore by hand where its override is not in force', async () => {
    expect(await governor().restore('nothing')).to.be.undefined;
  });

  it('goes on where somebody else restored its override, counting from the equity of that time', async () => {
    const own = governor();
    await feed(own, [100, 80]);
    await world().operator.restore(NAME);

    expect(await feed(own, [80, 73, 72])).to.deep.equal(['', '', 'trip']);
  });

  it('takes up what a governor before it left in force', async () => {
    await feed(governor(), [100, 80]);

    expect(await feed(governor(), [80, 81, 82, 83])).to.deep.equal(['tripped', 'tripped', 'restore', '']);
    expect(await inForce()).to.be.empty;
  });

  it('deals with one observation after the other', async () => {
    const own = governor();
    const reports = await Promise.all([100, 80, 79, 78, 100, 100, 100].map((equity) => own.observe(equity)));

    expect(reports.map(word)).to.deep.equal([
      '',
      'trip',
      'tripped',
      'tripped',
      'tripped',
      'tripped',
      'restore',
    ]);
  });

  it('tells that the server is away, and trips at the next observation, once', async () => {
    const proxy = await startProxy({ port: Number(world().server.address.split(':')[1]) });
    const client = new PolicyClient({
      addresses: `${proxy.host}:${proxy.port}`,
      deadlineMs: 300,
      name: 'safety_governor',
    });
    try {
      const own = governor({}, client);
      await own.observe(100);
      proxy.blackhole(true);
      await rejection(own.observe(80), PolicyStoreError);
      await rejection(own.observe(79), PolicyStoreError);
      proxy.blackhole(false);
      proxy.cut();

      let report: SafetyReport | undefined;
      for (let tries = 0; tries < 100 && report?.trip === undefined; tries += 1) {
        report = await own.observe(78).catch(() => undefined);
      }

      expect(await own.observe(77)).to.include({ tripped: true, trip: undefined });
      expect(await world().changes()).to.have.lengthOf(1);
    } finally {
      client.close();
      await proxy.close();
    }
  });

  it('refuses what is no equity and what are no options', async () => {
    for (const equity of [NaN, Infinity, -1, '100' as unknown as number, undefined as unknown as number]) {
      await rejection(governor().observe(equity), RangeError);
    }
    const bad: SafetyGovernorOptions[] = [
      { maxDrawdown: 0 },
      { maxDrawdown: 1.1 },
      { maxDrawdown: NaN },
      { restoreBelow: 0.2 },
      { restoreBelow: 0 },
      { restoreAfter: 0 },
      { restoreAfter: 1.5 },
    ];
    for (const options of bad) expect(() => governor(options)).to.throw(RangeError);
    expect(() => governor({ threshold: 3 } as SafetyGovernorOptions)).to.throw(TypeError);
  });
});
