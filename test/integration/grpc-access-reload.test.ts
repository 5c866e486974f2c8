import { type Client, status } from '@grpc/grpc-js';
import {
  AcknowledgeRequest,
  type AcknowledgeEachResponse,
  FleetServiceClient,
  FleetServiceService,
  GetRequest,
  HistoryServiceService,
  Limits,
  ListChangesRequest,
  ListWatchersRequest,
  OverrideRequest,
  PatchRequest,
  PolicyPatch,
  PolicyServiceService as methods,
  RankingsPatch,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { closeAfterEach } from '../support/closing.js';
import { until } from '../support/process.js';
import { bearer, replaceFile, secure, type Secured } from '../support/secured.js';
import {
  ask,
  failure,
  metadataOf,
  readFailure,
  type TestServer,
  type TestWatch,
  watch,
} from '../support/server.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const WATCHES = 100;

/** An access file in which all these identities have one role each. */
function fileOf(roles: Readonly<Record<string, string>>): string {
  const lines = Object.entries(roles).map(([name, role]) => `  ${name}: { roles: [${role}] }\n`);
  return `identities:\n${lines.join('')}`;
}

const BEFORE = { anna: 'operator', stays: 'reader', goes: 'reader', ranker: 'reader' };

describe('an access file that is replaced under open streams', () => {
  const directory = temporaryDirectory();
  const keep = closeAfterEach();
  let secured: Secured;
  let server: TestServer;
  let tokens: ReadonlyMap<string, string>;

  beforeEach(async () => {
    secured = await secure(directory.path);
    tokens = new Map(Object.keys(BEFORE).map((name) => [name, secured.issue(name)]));
    replaceFile(secured.files.access, fileOf(BEFORE));
    server = keep(await secured.start({ flags: ['--namespaces', 'default,paper'] }), (each) => each.close());
  });

  const as = (name: string): Record<string, string> => bearer(tokens.get(name)!);
  const logged = (text: string) => until(async () => server.log.some(({ msg }) => msg.includes(text)));
  const patch = (name: string, changes: Partial<PolicyPatch>) =>
    ask(
      server.client,
      methods.patch,
      { ...PatchRequest.create(), patch: { ...PolicyPatch.create(), ...changes } },
      as(name),
    );
  const rank = (name: string) =>
    patch(name, { oppRankings: { ...RankingsPatch.create(), put: new Map([['BTCUSDT', 0.5]]) } });

  /** A watch that has begun. */
  async function open(name: string, namespace = ''): Promise<TestWatch> {
    const stream = keep(watch(server.client, { namespace }, as(name)), (each) => {
      each.cancel();
    });
    await stream.next();
    return stream;
  }

  function openMany(name: string): Promise<TestWatch[]> {
    return Promise.all(Array.from({ length: WATCHES }, () => open(name)));
  }

  /** What a stream still brings, and how it ends. */
  async function ending(stream: TestWatch) {
    const brought: number[] = [];
    try {
      for (;;) brought.push((await stream.next()).version!.revision);
    } catch (error) {
      return { brought, ...readFailure(error as Parameters<typeof readFailure>[0]) };
    }
  }

  it('drops no stream of who may still read, and ends those of who may not, showing them nothing more', async () => {
    const streams = await openMany('stays');
    const lost = await openMany('goes');
    const endings = lost.map(ending);
    replaceFile(secured.files.access, fileOf({ anna: 'operator', stays: 'reader' }));
    const replacedAt = performance.now();
    for (const { brought, code, reason, message } of await Promise.all(endings)) {
      expect({ brought, code, reason }).to.deep.equal({
        brought: [],
        code: status.PERMISSION_DENIED,
        reason: 'PERMISSION_DENIED',
      });
      expect(message).to.include('"goes" may not in namespace "default": read the policy');
    }
    console.log(
      `      ${WATCHES} streams ended ${(performance.now() - replacedAt).toFixed(0)} ms after the change`,
    );
    const { version } = await patch('anna', { maxPositions: 7 });
    const got = await Promise.all(streams.map(async (stream) => (await stream.next()).version!.revision));
    expect(got).to.deep.equal(Array(WATCHES).fill(version!.revision));
    expect((await failure(open('goes'))).reason).to.equal('PERMISSION_DENIED');
    const get = ask(server.client, methods.get, GetRequest.create(), as('goes'));
    expect((await failure(get)).reason).to.equal('PERMISSION_DENIED');
  });

  it('gives and takes every right while streams stay open', async () => {
    const streams = await openMany('stays');
    const history = () =>
      ask(
        server.client as Client,
        HistoryServiceService.listChanges,
        ListChangesRequest.create(),
        as('ranker'),
      );
    const fleet = () =>
      ask(
        server.client as Client,
        FleetServiceService.listWatchers,
        ListWatchersRequest.create(),
        as('ranker'),
      );
    let trips = 0;
    const trip = () => {
      // The same again would change nothing, for which nobody needs a right.
      const name = `stop-${trips++}`;
      const request = {
        ...OverrideRequest.create(),
        name,
        reason: 'drawdown',
        limits: Limits.create({ maxPositions: 1 }),
      };
      return ask(server.client, methods.override, request, as('ranker'));
    };
    const calls = [() => rank('ranker'), history, fleet, trip];
    for (const call of calls) expect((await failure(call())).reason).to.equal('PERMISSION_DENIED');
    replaceFile(secured.files.access, fileOf({ ...BEFORE, ranker: 'operator' }));
    const givenAt = performance.now();
    await until(() => rank('ranker'));
    const { revision } = (await ask(server.client, methods.get, GetRequest.create(), as('stays'))).version!;
    console.log(`      a right is there ${(performance.now() - givenAt).toFixed(0)} ms after the change`);
    for (const call of calls) await call();
    replaceFile(secured.files.access, fileOf({ ...BEFORE, ranker: 'opportunity_ranker' }));
    await until(async () => (await failure(history())).reason === 'PERMISSION_DENIED');
    for (const call of [history, fleet, trip]) {
      expect((await failure(call())).reason).to.equal('PERMISSION_DENIED');
    }
    const got = await Promise.all(streams.map(async (stream) => (await stream.next()).version!.revision));
    expect(got).to.deep.equal(Array(WATCHES).fill(revision));
  });

  it('opens one namespace and shuts another', async () => {
    replaceFile(secured.files.access, fileOf({ ...BEFORE, goes: '{ role: reader, namespaces: [paper] }' }));
    await logged('access changed');
    const paper = await open('goes', 'paper');
    expect((await failure(open('goes'))).reason).to.equal('PERMISSION_DENIED');
    replaceFile(secured.files.access, fileOf({ ...BEFORE, goes: '{ role: reader, namespaces: [default] }' }));
    expect(await ending(paper)).to.deep.include({ brought: [], reason: 'PERMISSION_DENIED' });
    await open('goes');
  });

  it('renews no lease of who may not read any more', async () => {
    const watcher = { component: 'executor', instance: 'one', acknowledges: true };
    const stream = keep(watch(server.client, { watcher }, as('goes')), (each) => {
      each.cancel();
    });
    const { watcherId, version } = await stream.next();
    const fleet = keep(new FleetServiceClient(server.address, await secured.channel()), (each) => {
      each.close();
    });
    const acknowledgement = { ...AcknowledgeRequest.create(), watcherId, version };
    const acknowledging = fleet.acknowledgeEach(metadataOf(as('goes')));
    const answers = (acknowledging as AsyncIterable<AcknowledgeEachResponse>)[Symbol.asyncIterator]();
    acknowledging.write({ acknowledgement });
    expect(((await answers.next()).value as AcknowledgeEachResponse).renewal!.validFor!.seconds).to.be.above(
      0,
    );
    replaceFile(secured.files.access, fileOf({ anna: 'operator' }));
    await ending(stream);
    acknowledging.write({ acknowledgement });
    expect((await failure(answers.next())).reason).to.equal('PERMISSION_DENIED');
  });

  for (const [what, text, told] of [
    [
      'has an unknown field',
      'identities:\n  anna: { role: operator }\n',
      'access.yaml, line 2: identities.anna',
    ],
    ['has an unknown role', 'identities:\n  anna: { roles: [operater] }\n', 'did you mean operator?'],
    ['is broken half-way through', 'identities:\n  anna: { roles: [oper', 'access.yaml'],
  ] as const) {
    it(`keeps the last good file in force when the next one ${what}`, async () => {
      const stream = await open('goes');
      replaceFile(secured.files.access, text);
      await logged('access NOT changed');
      const { level, msg } = server.log.find((each) => each.msg.includes('access NOT changed'))!;
      expect(level).to.equal(50);
      expect(msg).to.include(told);
      const { version } = await patch('anna', { maxPositions: 8 });
      expect((await stream.next()).version!.revision).to.equal(version!.revision);
      replaceFile(secured.files.access, fileOf({ anna: 'operator' }));
      await ending(stream);
    });
  }
});
