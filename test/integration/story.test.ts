import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  ChangeKind,
  type Policy,
  readPolicy,
  RiskMode,
  TradingState,
  type Version,
  type WatchEvent,
} from '@policystore/client';
import {
  GetRevisionRequest,
  HistoryServiceService,
  ListChangesRequest,
  type Timestamp,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { microsOf } from '../../server/src/domain/overrides.js';
import { timestamp } from '../../server/src/engine/change.js';
import { startBuiltServer } from '../support/built-server.js';
import { canonical } from '../support/canonical.js';
import { closeAfterAll } from '../support/closing.js';
import type { RecordedWatch } from '../support/recorded-watch.js';
import { plainRedis } from '../support/redis.js';
import { ask, connect } from '../support/server.js';
import { uniqueNamespace } from '../support/store-builders.js';
import { MORNING, playStory, type Step, type StepName, type Story, TWO_HOURS_MS } from '../support/story.js';

const { getRevision, listChanges } = HistoryServiceService;

type Keep = ReturnType<typeof closeAfterAll>;

const SETTINGS: readonly { name: string; start: (keep: Keep, namespace: string) => Promise<string[]> }[] = [
  {
    name: 'on SQLite',
    async start(keep, namespace) {
      const directory = keep(await mkdtemp(join(tmpdir(), 'policystore-')), (path) =>
        rm(path, { recursive: true }),
      );
      const env = { POLICY_STORE: `sqlite:${directory}/policy.db`, POLICY_NAMESPACES: namespace };
      return [keep(await startBuiltServer(env), (it) => it.stop()).address];
    },
  },
  {
    name: 'on two replicas over Redis',
    async start(keep, namespace) {
      const redis = keep(await plainRedis(), (it) => it.close());
      const env = { POLICY_STORE: redis.url, POLICY_NAMESPACES: namespace };
      const servers = [await startBuiltServer(env), await startBuiltServer(env)];
      return servers.map((server) => keep(server, (it) => it.stop()).address);
    },
  },
];

for (const { name, start } of SETTINGS) {
  describe(`the story of a stop, ${name}`, () => {
    const keep = closeAfterAll();
    const namespace = uniqueNamespace();
    let addresses: string[];
    let story: Story;
    let watches: RecordedWatch[];

    before('the story is played', async () => {
      addresses = await start(keep, namespace);
      story = await playStory(keep, namespace, addresses);
      watches = [...story.patches, ...story.snapshots];
    });

    const at = (step: StepName): Step => {
      const found = story.steps.get(step);
      if (!found) throw new Error(`the story has no step ${step}`);
      return found;
    };
    const eventOf = ({ events }: RecordedWatch, { revision }: Version): WatchEvent =>
      events.find(({ version }) => version.revision === revision) ?? expect.fail(`no event at ${revision}`);

    it('stops what the controller did not know of: its answer names what is masked, Get and Watch are stopped', () => {
      expect(story.masked).to.deep.equal(['risk_mode', 'max_positions']);
      const { version, effective, base } = at('routine');
      const stopped = {
        riskMode: RiskMode.DEFENSIVE,
        maxPositions: 3,
        allowedStrategies: [],
        allowedSymbols: ['BTCUSDT', 'ETHUSDT'],
        tradingState: TradingState.REDUCE_ONLY,
      };
      const watched = watches.map((watch) => eventOf(watch, version));
      for (const policy of [...effective, ...watched.map((event) => event.policy)]) {
        expect(policy).to.deep.include(stopped);
        expect(policy.overrides.map((override) => override.name)).to.deep.equal([
          'circuit-breaker',
          'doge-ban',
        ]);
      }
      for (const event of watched) {
        expect(event.tradingState).to.equal(TradingState.REDUCE_ONLY);
        expect(event.cause).to.include({ kind: ChangeKind.PATCH, actor: 'msc_ai', reason: 'calm regime' });
      }
      for (const policy of base) {
        expect(policy).to.deep.include({ ...MORNING, riskMode: RiskMode.AGGRESSIVE, maxPositions: 12 });
      }
    });

    it('refuses to write a masked list back as it was read, and changes nothing', () => {
      const { refusals, aroundRefusals } = story;
      expect(refusals.map(({ code, reason }) => [code, reason])).to.deep.equal(
        Array(4).fill(['FAILED_PRECONDITION', 'FIELD_MASKED']),
      );
      expect(refusals.map(({ message }) => /allowed_\w+/.exec(message)?.[0])).to.deep.equal([
        ...['allowed_strategies', 'allowed_strategies', 'allowed_symbols', 'allowed_strategies'],
      ]);
      expect(aroundRefusals[1]).to.deep.equal(aroundRefusals[0]);
    });

    it('gives trading back by one change, to the base as it is then, and leaves the ban', () => {
      const { version, effective } = at('restore');
      const running = {
        riskMode: RiskMode.AGGRESSIVE,
        maxPositions: 12,
        allowedStrategies: ['trend', 'carry', 'scalp'],
        allowedSymbols: ['BTCUSDT', 'ETHUSDT'],
        tradingState: TradingState.ACTIVE,
      };
      for (const watch of watches) {
        const event = eventOf(watch, version);
        expect(event.policy).to.deep.include(running);
        expect(event.cause).to.include({ kind: ChangeKind.RESTORE, actor: 'risk_officer' });
        const before = watch.events[watch.events.indexOf(event) - 1];
        expect(before?.tradingState).to.equal(TradingState.REDUCE_ONLY);
        expect(event.resync).to.equal(false);
      }
      for (const policy of effective) {
        expect(policy).to.deep.include(running);
        const [ban, ...others] = policy.overrides;
        expect(others).to.deep.equal([]);
        expect(microsOf(ban!.until!) - microsOf(ban!.since!)).to.equal(TWO_HOURS_MS * 1000);
      }
    });

    it('goes back to the policy from before, which the ban tightens on', () => {
      const { version, effective, base } = at('rollback');
      const { base: morning } = at('morning');
      for (const [i, policy] of base.entries()) {
        expect(policy).to.deep.include(MORNING);
        expect(withoutTime(policy)).to.equal(withoutTime(morning[i]!));
        expect(effective[i]).to.deep.include({
          ...MORNING,
          allowedSymbols: ['BTCUSDT', 'ETHUSDT'],
          tradingState: TradingState.ACTIVE,
        });
      }
      for (const watch of watches) {
        expect(eventOf(watch, version).cause?.kind).to.equal(ChangeKind.ROLLBACK);
      }
    });

    it('shows every step to every watcher, once and in order, and the same as Get', () => {
      const revisions = [...story.steps.values()].map(({ version }) => version.revision);
      for (const watch of watches) {
        const [, ...events] = watch.events.filter(
          ({ version, previous }) => version.revision !== previous?.revision,
        );
        expect(events.map(({ version }) => version.revision)).to.deep.equal(revisions);
        expect([watch.watch.gaps, watch.watch.reconnects]).to.deep.equal([0, 0]);
        for (const { version, effective } of story.steps.values()) {
          for (const policy of effective) {
            expect(canonical(eventOf(watch, version).policy)).to.equal(canonical(policy));
          }
        }
      }
    });

    it('tells every step with actor, reason, kind, before and after', async () => {
      for (const client of story.clients) {
        const told = [];
        for await (const { actor, kind, reason, fields, overrides, version } of client.history()) {
          const names = [overrides?.before ?? [], overrides?.after ?? []].map((list) =>
            list.map((override) => override.name),
          );
          told.unshift([version.revision, actor, ChangeKind[kind], reason, fields, ...names]);
        }
        const revision = (step: StepName): number => at(step).version.revision;
        const change = (field: string, before: unknown, after: unknown) => ({ field, before, after });
        expect(told.slice(2)).to.deep.equal([
          [revision('ban'), 'risk_officer', 'OVERRIDE', 'delisting rumour', [], [], ['doge-ban']],
          [revision('trip'), 'risk_officer', 'OVERRIDE', 'flash crash', [], [], ['circuit-breaker']],
          [
            ...[revision('routine'), 'msc_ai', 'PATCH', 'calm regime'],
            [change('risk_mode', 'NORMAL', 'AGGRESSIVE'), change('max_positions', 8, 12)],
            ...[[], []],
          ],
          [
            ...[revision('add'), 'msc_ai', 'PATCH', ''],
            [change('allowed_strategies', undefined, ['scalp'])],
            ...[[], []],
          ],
          [
            ...[revision('restore'), 'risk_officer', 'RESTORE', 'the exchange is back'],
            ...[[], ['circuit-breaker'], []],
          ],
          [
            ...[revision('rollback'), 'operator', 'ROLLBACK', 'back to the plan'],
            [
              change('risk_mode', 'AGGRESSIVE', 'NORMAL'),
              change('allowed_strategies', ['scalp'], undefined),
              change('max_positions', 12, 8),
            ],
            ...[[], []],
          ],
        ]);
        expect(told[1]!.slice(0, 4)).to.deep.equal([
          ...[revision('morning'), 'operator', 'UPDATE', 'the plan of the day'],
        ]);
        expect(told[0]!.slice(1, 4)).to.deep.equal(['system', 'CREATE', 'namespace created']);
      }
    });

    it('answers what was in force, by revision and by time, as the watchers saw it', async () => {
      for (const [i, client] of story.clients.entries()) {
        const raw = connect(addresses[i]!);
        const askAt = async (micros: number) => {
          const value = timestamp(micros);
          const request = { ...GetRevisionRequest.create(), namespace };
          return await ask(raw, getRevision, { ...request, at: { $case: 'time', value } });
        };
        try {
          let before: Version | undefined;
          for (const { version, effective, base } of story.steps.values()) {
            const byRevision = await client.revision({ revision: version.revision });
            const committed = microsOf(byRevision.entry.change.commitTime!);
            const byTime = await askAt(committed);
            expect([byRevision.version, byTime.version]).to.deep.equal([version, version]);
            for (const past of [byRevision.effective, readPolicy(byTime.effective!)]) {
              expect(canonical(past)).to.equal(canonical(effective[i]));
              expect(canonical(past)).to.equal(canonical(eventOf(story.patches[i]!, version).policy));
            }
            for (const past of [byRevision.base, readPolicy(byTime.base!)]) {
              expect(canonical(past)).to.equal(canonical(base[i]));
            }
            if (before) expect((await askAt(committed - 1)).version).to.deep.equal(before);
            before = version;
          }
        } finally {
          raw.close();
        }
      }
    });

    it('finds exactly the steps that were asked for, page by page, on whichever replica', async () => {
      const raw = addresses.map((address) => connect(address));
      type Filter = Partial<ListChangesRequest>;
      const commitTime = async (step: StepName): Promise<Timestamp> =>
        (await story.clients[0]!.revision(at(step).version)).entry.change.commitTime!;
      const just = async (from: StepName, to: StepName): Promise<Filter> => ({
        from: await commitTime(from),
        to: await commitTime(to),
      });
      const cases: [Filter, StepName[]][] = [
        [{ actor: 'risk_officer' }, ['ban', 'trip', 'restore']],
        [{ actor: 'msc_ai' }, ['routine', 'add']],
        [{ actor: 'msc' }, []],
        [{ kinds: [ChangeKind.OVERRIDE, ChangeKind.RESTORE] }, ['ban', 'trip', 'restore']],
        [{ kinds: [ChangeKind.ROLLBACK] }, ['rollback']],
        [{ fields: ['overrides'] }, ['ban', 'trip', 'restore']],
        [{ fields: ['max_positions'] }, ['morning', 'trip', 'routine', 'restore', 'rollback']],
        [{ fields: ['allowed_symbols'] }, ['morning', 'ban']],
        [{ fields: ['allowed_strategies'] }, ['morning', 'trip', 'add', 'restore', 'rollback']],
        [{ fields: ['max_positions'], actor: 'risk_officer' }, ['trip', 'restore']],
        [await just('trip', 'add'), ['trip', 'routine', 'add']],
        [{ ...(await just('trip', 'add')), kinds: [ChangeKind.PATCH], fields: ['risk_mode'] }, ['routine']],
      ];
      try {
        for (const [filter, expected] of cases) {
          const found: number[] = [];
          let pageToken = '';
          let pages = 0;
          do {
            // The replicas take turns.
            const client = raw[pages % raw.length]!;
            const request = { ...ListChangesRequest.create(), namespace, pageSize: 1, ...filter, pageToken };
            const page = await ask(client, listChanges, request);
            found.unshift(...page.entries.map(({ change }) => change!.version!.revision));
            pageToken = page.nextPageToken;
            pages += 1;
          } while (pageToken !== '');
          // The creation gave every field its first value.
          expect(
            found.filter((revision) => revision > 1),
            JSON.stringify(filter),
          ).to.deep.equal(expected.map((step) => at(step).version.revision));
        }
      } finally {
        for (const client of raw) client.close();
      }
    });
  });
}

function withoutTime(policy: Policy): string {
  return canonical({ ...policy, lastUpdated: undefined, overrides: undefined, tradingState: undefined });
}
