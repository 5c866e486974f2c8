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

import { closeAfterEach } from '../../support/closing.js';
import { useComponentWorld } from '../../support/component-world.js';
import { until } from '../../support/process.js';
import { rejection } from '../../support/rejection.js';
import { startProxy, type TcpProxy } from '../../support/tcp-proxy.js';

const NAME = 'safety-governor';

describe('SafetyGovernor', () => {
  const world = useComponentWorld();
  const keep = closeAfterEach();

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

  /** A governor that gives up soon, and a proxy that its calls pass through. */
  async function behindProxy(): Promise<{ own: SafetyGovernor; proxy: TcpProxy }> {
    const proxy = await startProxy({ port: Number(world().server.address.split(':')[1]) });
    keep(proxy, () => proxy.close());
    const client = new PolicyClient({
      addresses: `${proxy.host}:${proxy.port}`,
      deadlineMs: 300,
      name: SafetyGovernor.role,
    });
    keep(client, () => {
      client.close();
    });
    return { own: governor({}, client), proxy };
  }

  /** Until a server answers. */
  async function insist(observe: () => Promise<SafetyReport>): Promise<SafetyReport> {
    let report: SafetyReport | undefined;
    await until(async () => (report = await observe().catch(() => undefined)) !== undefined);
    return report!;
  }

  /** The call reaches the server, but its answer, and all else, is lost. */
  async function loseAnswer(proxy: TcpProxy, call: () => Promise<unknown>): Promise<void> {
    proxy.dropReplies(1_000);
    const error = await rejection(call(), PolicyStoreError);
    expect(error.reason).to.equal('OUTCOME_UNKNOWN');
    expect(await inForce()).to.deep.equal([NAME]);
    proxy.dropReplies(0);
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

  it('takes up what a governor before it left in force, and leaves the restore to people', async () => {
    await feed(governor(), [100, 80]);
    const own = governor();

    expect(await feed(own, [80, 80, 80, 81, 120])).to.deep.equal(Array(5).fill('tripped'));
    expect(await inForce()).to.deep.equal([NAME]);

    await world().operator.restore(NAME);
    expect(await feed(own, [80, 73, 72, 80, 80, 80])).to.deep.equal([
      '',
      '',
      'trip',
      'tripped',
      'tripped',
      'restore',
    ]);
  });

  it('restores by hand what a governor before it left in force', async () => {
    await feed(governor(), [100, 80]);
    const own = governor();
    await own.observe(80);

    expect(await own.restore('looked into')).not.to.be.undefined;
    expect(await inForce()).to.be.empty;
  });

  it('leaves to people what it finds in force only as it trips itself', async () => {
    await feed(governor(), [100, 80]);
    const { own, proxy } = await behindProxy();
    proxy.blackhole(true);
    await rejection(own.observe(80), PolicyStoreError);
    proxy.blackhole(false);
    proxy.cut();

    const { trip } = await insist(() => own.observe(60));

    expect(trip?.override?.reason).to.equal('drawdown 20.00 % from 100 to 80, at most 10.00 %');
    expect(await feed(own, [80, 80, 80, 80])).to.deep.equal(Array(4).fill('tripped'));
  });

  it('leaves to people what they changed under its name', async () => {
    const own = governor();
    await feed(own, [100, 80]);
    const limits = { ...BREAKER, tradingState: TradingState.HALTED };
    await world().operator.override({ name: NAME, limits, reason: 'worse than that' });

    expect(await feed(own, [100, 100, 100, 100])).to.deep.equal(Array(4).fill('tripped'));
  });

  it('finds a stop whose answer was lost, and restores it', async () => {
    const { own, proxy } = await behindProxy();
    await own.observe(100);
    await loseAnswer(proxy, () => own.observe(80));

    expect(word(await insist(() => own.observe(97)))).to.equal('tripped');
    expect(await feed(own, [97, 97, 97])).to.deep.equal(['tripped', 'restore', '']);
  });

  it('trips anew at the next drawdown where a stop whose answer was lost was restored by hand', async () => {
    const { own, proxy } = await behindProxy();
    await own.observe(100);
    await loseAnswer(proxy, () => own.observe(80));
    await world().operator.restore(NAME);

    expect(word(await insist(() => own.observe(97)))).to.equal('');
    expect(await feed(own, [120, 109, 105])).to.deep.equal(['', '', 'trip']);
    expect(await inForce()).to.deep.equal([NAME]);
    expect(await feed(own, [120, 120, 120])).to.deep.equal(['tripped', 'tripped', 'restore']);
  });

  it('goes on looking for a stop that was not answered, and takes it up when it comes late', async () => {
    const { own, proxy } = await behindProxy();
    await own.observe(100);
    proxy.blackhole(true);
    await rejection(own.observe(80), PolicyStoreError);
    proxy.blackhole(false);
    proxy.cut();
    const words = [word(await insist(() => own.observe(97))), ...(await feed(own, [98]))];
    expect(words).to.deep.equal(['', '']);

    const reason = 'drawdown 20.00 % from 100 to 80, at most 10.00 %';
    await world().operator.override({ name: NAME, limits: BREAKER, reason });

    expect(await feed(own, [98, 98, 98])).to.deep.equal(['tripped', 'tripped', 'restore']);
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
    const { own, proxy } = await behindProxy();
    await own.observe(100);
    proxy.blackhole(true);
    await rejection(own.observe(80), PolicyStoreError);
    await rejection(own.observe(79), PolicyStoreError);
    proxy.blackhole(false);
    proxy.cut();

    const { trip } = await insist(() => own.observe(78));

    expect(trip?.override?.reason).to.equal('drawdown 20.00 % from 100 to 80, at most 10.00 %');
    expect(await own.observe(77)).to.include({ tripped: true, trip: undefined });
    expect(await world().changes()).to.have.lengthOf(1);
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
