import { type Client, status } from '@grpc/grpc-js';
import {
  AcknowledgeRequest,
  type AcknowledgeEachResponse,
  FleetServiceClient,
  FleetServiceService,
  GetRequest,
  GetRevisionRequest,
  HistoryServiceService,
  Limits,
  ListChangesRequest,
  ListWatchersRequest,
  OverrideRequest,
  PatchRequest,
  PolicyPatch,
  PolicyServiceService as methods,
  RankingsPatch,
  WaitAppliedRequest,
} from '@policystore/client/proto';
import { expect } from 'chai';
import { appendFileSync, writeFileSync } from 'node:fs';

import { begin, ending, reached } from '../support/begun-watch.js';
import { closeAfterEach } from '../support/closing.js';
import { until } from '../support/process.js';
import { bearer, replaceFile, secure, type Secured } from '../support/secured.js';
import {
  ask,
  failure,
  metadataOf,
  type TestServer,
  type TestWatch,
  type UnaryMethod,
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
  const call = <Request, Response>(name: string, method: UnaryMethod<Request, Response>, request: Request) =>
    ask(server.client as Client, method, request, as(name));
  const patch = (name: string, changes: Partial<PolicyPatch>) =>
    call(name, methods.patch, {
      ...PatchRequest.create(),
      patch: { ...PolicyPatch.create(), ...changes },
    });
  const rank = (name: string) =>
    patch(name, { oppRankings: { ...RankingsPatch.create(), put: new Map([['BTCUSDT', 0.5]]) } });

  async function open(name: string, namespace = ''): Promise<TestWatch> {
    return keep(await begin(server.client, as(name), { namespace }), (each) => {
      each.cancel();
    });
  }

  function openMany(name: string): Promise<TestWatch[]> {
    return Promise.all(Array.from({ length: WATCHES }, () => open(name)));
  }

  /** The newest revision of the default namespace when the server took the file. */
  function revisionAtReload(): number {
    const messages = server.log.map(({ msg }) => msg);
    const before = messages.slice(
      0,
      messages.findIndex((each) => each.startsWith('access changed')),
    );
    return Math.max(...before.map((each) => Number(/^policy \w+: default \w+:(\d+)/.exec(each)?.[1] ?? 0)));
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

  it('shows who may not read any more no change that came later, however many come', async () => {
    const streams = await openMany('stays');
    const lost = await openMany('goes');
    const over = new AbortController();
    const writing = (async () => {
      for (let i = 0; !over.signal.aborted; i += 1) await patch('anna', { maxPositions: 1 + (i % 100) });
    })();
    const endings = Promise.all(lost.map(ending));
    replaceFile(secured.files.access, fileOf({ anna: 'operator', stays: 'reader' }));
    const newest = await endings.then(revisionAtReload);
    over.abort();
    await writing;
    for (const { brought } of await endings) expect(brought.at(-1)).to.be.within(2, newest);
    for (const maxPositions of [7, 8]) {
      await reached(streams, (await patch('anna', { maxPositions })).version);
    }
  });

  it('drops nobody while the file is written in place, line by line', async () => {
    const { access } = secured.files;
    const streams = await openMany('stays');
    const others = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`executor-${i}`, 'reader']));
    const text = fileOf({ anna: 'operator', ...others, ranker: 'operator', stays: 'reader' });
    writeFileSync(access, '');
    // What is there after each line could be a whole file.
    for (const line of text.split(/(?<=\n)/)) {
      appendFileSync(access, line);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await until(() => rank('ranker'));
    await reached(streams, (await patch('anna', { maxPositions: 7 })).version);
    expect(server.log.filter(({ msg }) => msg.startsWith('access changed'))).to.have.lengthOf(1);
  });

  it('gives and takes every right while streams stay open', async () => {
    const streams = await openMany('stays');
    const before = await patch('anna', { maxPositions: 7 });
    const history = () => call('ranker', HistoryServiceService.listChanges, ListChangesRequest.create());
    const revision = () =>
      call('ranker', HistoryServiceService.getRevision, {
        ...GetRevisionRequest.create(),
        at: { $case: 'revision', value: 2 },
      });
    const fleet = () => call('ranker', FleetServiceService.listWatchers, ListWatchersRequest.create());
    const receipt = () =>
      call('ranker', FleetServiceService.waitApplied, {
        ...WaitAppliedRequest.create(),
        version: before.version,
        timeout: { seconds: 0, nanos: 0 },
      });
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
      return call('ranker', methods.override, request);
    };
    const calls = [() => rank('ranker'), history, revision, fleet, receipt, trip];
    for (const each of calls) expect((await failure(each())).reason).to.equal('PERMISSION_DENIED');
    replaceFile(secured.files.access, fileOf({ ...BEFORE, ranker: 'operator' }));
    const givenAt = performance.now();
    await until(() => rank('ranker'));
    const { version } = await call('stays', methods.get, GetRequest.create());
    console.log(`      a right is there ${(performance.now() - givenAt).toFixed(0)} ms after the change`);
    for (const each of calls) await each();
    replaceFile(secured.files.access, fileOf({ ...BEFORE, ranker: 'opportunity_ranker' }));
    await until(async () => (await failure(history())).reason === 'PERMISSION_DENIED');
    for (const each of [history, revision, fleet, receipt, trip]) {
      expect((await failure(each())).reason).to.equal('PERMISSION_DENIED');
    }
    await reached(streams, version);
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
