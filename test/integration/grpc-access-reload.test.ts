import { type ChannelCredentials, status } from '@grpc/grpc-js';
import {
  type AcknowledgeEachResponse,
  AcknowledgeRequest,
  FleetServiceClient,
  FleetServiceService,
  GetRequest,
  GetRevisionRequest,
  HistoryServiceService,
  ListChangesRequest,
  ListWatchersRequest,
  PatchRequest,
  PolicyPatch,
  PolicyServiceService as methods,
  WaitAppliedRequest,
  type WatchRequest,
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
const LOST = 10;

const WATCHER = { component: 'executor', instance: '', acknowledges: true };

/** Roles, each everywhere or only in some namespaces. */
type Grants = readonly (string | { role: string; namespaces: string[] })[];

const IN_PAPER: Grants = [{ role: 'reader', namespaces: ['paper'] }];

/** YAML with an identity on each line after the first. */
function accessFile(identities: Readonly<Record<string, Grants>>): string {
  const lines = Object.entries(identities).map(
    ([name, roles]) => `  ${name}: ${JSON.stringify({ roles })}\n`,
  );
  return ['identities:\n', ...lines].join('');
}

describe('an access file that is replaced under open streams', () => {
  const directory = temporaryDirectory();
  const keep = closeAfterEach();
  let secured: Secured;
  let server: TestServer;
  let channel: ChannelCredentials;
  let tokens: ReadonlyMap<string, string>;

  beforeEach(async () => {
    secured = await secure(directory.path);
    tokens = new Map(['operator', 'stays', 'goes'].map((name) => [name, secured.issue(name)]));
    channel = await secured.channel();
    replaceFile(
      secured.files.access,
      accessFile({ operator: ['operator'], stays: ['reader'], goes: ['reader'] }),
    );
    server = keep(await secured.start({ flags: ['--namespaces', 'default,paper'] }), (it) => it.close());
  });

  const as = (name: string): Record<string, string> => bearer(tokens.get(name) ?? '');
  const call = <Request, Response>(
    name: string,
    method: UnaryMethod<Request, Response>,
    request: Request,
  ): Promise<Response> => ask(server.client, method, request, as(name));

  async function patch(name: string, maxPositions: number, namespace = '') {
    const change = { ...PolicyPatch.create(), maxPositions };
    return (await call(name, methods.patch, { ...PatchRequest.create(), namespace, patch: change })).version;
  }

  async function open(name: string, request: Partial<WatchRequest> = {}): Promise<TestWatch> {
    return keep(await begin(server.client, as(name), request), (it) => {
      it.cancel();
    });
  }
  const openMany = (count: number, name: string, request: Partial<WatchRequest> = {}): Promise<TestWatch[]> =>
    Promise.all(Array.from({ length: count }, () => open(name, request)));

  /** Replaces the file, and prints how long it took until `inForce`. */
  async function reload(
    identities: Readonly<Record<string, Grants>>,
    inForce: () => Promise<unknown>,
  ): Promise<void> {
    const started = performance.now();
    replaceFile(secured.files.access, accessFile(identities));
    await inForce();
    console.log(`      in force after ${Math.round(performance.now() - started)} ms`);
  }

  async function expectOpen(streams: readonly TestWatch[], namespace = ''): Promise<void> {
    for (const maxPositions of [7, 8]) {
      await reached(streams, await patch('operator', maxPositions, namespace));
    }
  }

  /** The newest revision of the default namespace when the server took the file. */
  function revisionAtReload(): number {
    const reloadedAt = server.log.findIndex(({ msg }) => msg.startsWith('access changed'));
    const before = server.log
      .slice(0, reloadedAt)
      .map(({ msg }) => /^policy \w+: default \w+:(\d+)/.exec(msg));
    return Math.max(...before.map((found) => Number(found?.[1] ?? 0)));
  }

  it('ends the watches of who may not read any more, after the last change that it might see, and no others', async () => {
    const stay = await openMany(WATCHES, 'stays');
    const lost = await openMany(LOST, 'goes');
    const elsewhere = await openMany(LOST, 'goes', { namespace: 'paper' });
    const endings = Promise.all(lost.map(ending));
    const over = new AbortController();
    const writing = (async () => {
      for (let i = 0; !over.signal.aborted; i += 1) await patch('operator', 1 + (i % 100));
    })();
    await reload({ operator: ['operator'], stays: ['reader'], goes: IN_PAPER }, () => endings);
    over.abort();
    await writing;

    const newest = revisionAtReload();
    for (const { code, reason, message, info, revisions } of await endings) {
      expect({ code, reason }).to.deep.equal({ code: status.PERMISSION_DENIED, reason: 'PERMISSION_DENIED' });
      expect(message).to.match(
        /^"goes" may not in namespace "default": read the policy \(roles that may: reader, /,
      );
      expect(info.get('namespace')).to.equal('default');
      expect(revisions.at(-1)).to.be.at.most(newest).and.above(1);
    }
    await expectOpen(stay);
    await expectOpen(elsewhere, 'paper');
    const again = await ending(watch(server.client, {}, as('goes')));
    expect(again).to.deep.include({ reason: 'PERMISSION_DENIED', revisions: [] });
    expect((await failure(call('goes', methods.get, GetRequest.create()))).message).to.equal(again.message);
    await call('goes', methods.get, { ...GetRequest.create(), namespace: 'paper' });
  });

  it('gives rights and takes them back while a hundred watch', async () => {
    const streams = await openMany(WATCHES, 'stays');
    const version = await patch('operator', 3);
    let tries = 0;
    const needing: Readonly<Record<string, () => Promise<unknown>>> = {
      // What changes nothing needs no right to write.
      Patch: () => patch('goes', 4 + (tries++ % 2)),
      ListChanges: () => call('goes', HistoryServiceService.listChanges, ListChangesRequest.create()),
      GetRevision: () =>
        call('goes', HistoryServiceService.getRevision, {
          ...GetRevisionRequest.create(),
          at: { $case: 'revision', value: 2 },
        }),
      ListWatchers: () => call('goes', FleetServiceService.listWatchers, ListWatchersRequest.create()),
      WaitApplied: () =>
        call('goes', FleetServiceService.waitApplied, {
          ...WaitAppliedRequest.create(),
          version,
          timeout: { seconds: 0, nanos: 0 },
        }),
    };
    const refused = async (): Promise<void> => {
      for (const [name, ask] of Object.entries(needing)) {
        expect((await failure(ask())).reason, name).to.equal('PERMISSION_DENIED');
      }
    };
    const allowed = async (): Promise<void> => {
      for (const ask of Object.values(needing)) await ask();
    };
    await refused();
    const others = { operator: ['operator'], stays: ['reader'] };
    await reload({ ...others, goes: ['operator'] }, () => until(needing['Patch']!));
    await allowed();
    await reload({ ...others, goes: ['reader'] }, () => until(async () => refused().then(() => true)));
    await call('goes', methods.get, GetRequest.create());
    await expectOpen(streams);
  });

  it('ends the stream of acknowledgements of who may not read any more, and no other', async () => {
    const acknowledging = async (name: string) => {
      const watching = keep(watch(server.client, { watcher: WATCHER }, as(name)), (it) => {
        it.cancel();
      });
      const { watcherId, version } = await watching.next();
      const client = keep(new FleetServiceClient(server.address, channel), (it) => {
        it.close();
      });
      const stream = keep(client.acknowledgeEach(metadataOf(as(name))), (it) => {
        it.on('error', () => undefined);
        it.cancel();
      });
      const answers = stream[Symbol.asyncIterator]() as AsyncIterator<AcknowledgeEachResponse>;
      return async () => {
        stream.write({ acknowledgement: { ...AcknowledgeRequest.create(), watcherId, version } });
        return answers.next();
      };
    };
    const stays = await acknowledging('stays');
    const goes = await acknowledging('goes');
    await stays();
    await goes();
    replaceFile(secured.files.access, accessFile({ operator: ['operator'], stays: ['reader'] }));
    await until(async () => server.log.some(({ msg }) => msg.startsWith('access changed')));
    const { code, reason, message } = await failure(goes());
    expect({ code, reason }).to.deep.equal({ code: status.PERMISSION_DENIED, reason: 'PERMISSION_DENIED' });
    expect(message).to.include('"goes" may not in namespace "default": read the policy');
    expect(await stays()).to.have.property('done', false);
  });

  it('keeps the last good one in force while the new one is wrong, and says where', async () => {
    const { access } = secured.files;
    const streams = await openMany(WATCHES, 'stays');
    const good = accessFile({ operator: ['operator'], stays: ['reader'], goes: ['reader'] });
    const wrong: readonly (readonly [text: string, told: string])[] = [
      ['', `${access}, line 1: the file must be an object`],
      [good.slice(0, good.indexOf('stays') + 20), 'line 3: Missing closing "quote'],
      [
        good.replace('"operator"', '"operater"'),
        'line 2: identities.operator.roles[0] there is no role "operater"',
      ],
      [`${good}  stays: { roles: [] }\n`, 'line 5: Map keys must be unique'],
      [`${good}four_eyse: true\n`, `${access}, line 5: four_eyse is not known here: did you mean four_eyes?`],
      [good.replace('{"roles"', '{"role"'), `${access}, line 2: identities.operator.role is not known here`],
    ];
    for (const [text, told] of wrong) {
      const from = server.log.length;
      replaceFile(access, text);
      await until(async () => server.log.length > from);
      const { level, msg } = server.log[from]!;
      expect({ level, msg }).to.have.property('level', 50);
      expect(msg)
        .to.match(/^access NOT changed: what was in force stays, for /)
        .and.to.include(told);
      expect(msg).to.include(access);
      await expectOpen(streams);
      expect((await failure(patch('goes', 4))).reason).to.equal('PERMISSION_DENIED');
    }
    await reload({ operator: ['operator'], stays: ['reader'], goes: ['operator'] }, () =>
      until(() => patch('goes', 5)),
    );
    await expectOpen(streams);
  });

  it('drops nobody while a file is written in place, line by line', async () => {
    const { access } = secured.files;
    const streams = await openMany(WATCHES, 'stays');
    const lines = accessFile({
      operator: ['operator'],
      ...Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`executor-${i}`, ['reader'] as const])),
      goes: ['operator'],
      stays: ['reader'],
    }).split(/(?<=\n)/);
    writeFileSync(access, '');
    // What is there after each line could be a whole file.
    for (const line of lines) {
      appendFileSync(access, line);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await until(() => patch('goes', 6));
    await expectOpen(streams);
    expect(server.log.filter(({ msg }) => msg.startsWith('access changed'))).to.have.lengthOf(1);
  });
});
