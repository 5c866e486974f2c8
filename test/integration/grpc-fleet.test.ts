import { type Client, credentials, status } from '@grpc/grpc-js';
import {
  type AcknowledgeEachResponse,
  AcknowledgeRequest,
  FleetServiceClient,
  FleetServiceService,
  MemberState,
  OverrideRequest,
  PatchRequest,
  PolicyPatch,
  PolicyServiceService,
  type Version,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { closeAfterEach } from '../support/closing.js';
import {
  type GrpcMember,
  joinFleet,
  listWatchers,
  membersOnce,
  startWaiting,
  waitAppliedOver,
} from '../support/grpc-member.js';
import { plainPostgres } from '../support/postgres.js';
import { until } from '../support/process.js';
import { linesOf } from '../support/receipts.js';
import { startRedis } from '../support/redis.js';
import {
  ask,
  connect,
  failure,
  type ServerSettings,
  spawnServer,
  startServer,
  type TestServer,
  watch,
} from '../support/server.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

async function patch(client: Client, maxPositions: number): Promise<Version> {
  const request = { ...PatchRequest.create(), patch: { ...PolicyPatch.create(), maxPositions } };
  return (await ask(client, PolicyServiceService.patch, request)).version!;
}

async function stop(client: Client): Promise<Version> {
  const request = { ...OverrideRequest.create(), reason: 'drawdown' };
  return (await ask(client, PolicyServiceService.override, request)).version!;
}

/** What is there of it on a server whose replica has a random name. */
function withoutReplicas(lines: readonly string[]): string[] {
  return lines.map((line) => line.replace(/^replica\/\w+/, 'replica'));
}

describe('the fleet over gRPC', () => {
  const keep = closeAfterEach();
  const directory = temporaryDirectory();

  async function serve(settings: ServerSettings = {}): Promise<TestServer> {
    const store = `sqlite:${directory.path}/policy.db`;
    return keep(await startServer({ store, ...settings }), (server) => server.close());
  }
  async function join(
    address: string,
    instance: string,
    how?: Parameters<typeof joinFleet>[2],
  ): Promise<GrpcMember> {
    return keep(await joinFleet(address, instance, how), (member) => {
      member.leave();
    });
  }
  const acknowledgeWith = (server: TestServer, parts: Partial<AcknowledgeRequest>) =>
    ask(server.client, FleetServiceService.acknowledge, { ...AcknowledgeRequest.create(), ...parts });

  it('says who has applied a stop, who rejected it, who has not answered, and who is lost', async () => {
    const server = await serve();
    const [, rejecting, slow, lost] = [
      await join(server.address, 'quick'),
      await join(server.address, 'rejecting'),
      await join(server.address, 'slow'),
      await join(server.address, 'lost'),
    ];
    await membersOnce(server.client, (members) => members.every(({ applied }) => applied !== undefined));
    for (const member of [rejecting, slow, lost]) member.answers = false;
    lost.leave();
    await membersOnce(server.client, (members) => members.some(({ state }) => state === MemberState.LOST));

    const version = await stop(server.client);
    await until(async () => rejecting.version.revision === version.revision);
    await rejecting.acknowledge({ rejection: 'a listener threw' });
    const receipt = await waitAppliedOver(server.client, version, {
      timeout: { seconds: 0, nanos: 300_000_000 },
    });
    expect(receipt.appliedEverywhere).to.equal(false);
    expect(withoutReplicas(linesOf(receipt))).to.deep.equal([
      'executor/lost lost',
      'executor/quick applied',
      'executor/rejecting rejected',
      'executor/slow pending',
      'replica applied',
    ]);
    const member = receipt.members.find(({ instance }) => instance === 'rejecting')!;
    expect(member.rejection).to.deep.equal({ version, reason: 'a listener threw' });
    expect(member.address).to.match(/^127\.0\.0\.1:\d+$/);
    for (const { safeIn } of receipt.members) expect(safeIn!.seconds).to.be.within(5, 10);

    await rejecting.acknowledge();
    await slow.acknowledge();
    const executors = { components: ['executor'], instances: ['quick', 'rejecting', 'slow'] };
    const all = await waitAppliedOver(server.client, version, { selector: executors });
    expect(all.appliedEverywhere).to.equal(true);
    expect(all.members).to.have.length(3);
  });

  it('gives a receipt for each change to two hundred that watch', async () => {
    const server = await serve();
    const instances = Array.from({ length: 200 }, (_, i) => `i${String(i)}`);
    await Promise.all(instances.map((instance) => join(server.address, instance)));
    for (let round = 0; round < 5; round += 1) {
      const version = await patch(server.client, 10 + round);
      const receipt = await waitAppliedOver(server.client, version, { timeout: { seconds: 30, nanos: 0 } });
      expect(receipt.appliedEverywhere).to.equal(true);
      expect(receipt.members).to.have.length(201);
    }
    expect(server.log.filter(({ msg }) => msg.includes('Acknowledge'))).to.deep.equal([]);
  });

  it('names who is expected and not there', async () => {
    const server = await serve({ flags: ['--expected', 'executor:2,risk_guard:1'] });
    await join(server.address, 'one');
    const { missing } = await listWatchers(server.client);
    expect(missing).to.deep.equal([
      { component: 'executor', expected: 2, present: 1 },
      { component: 'risk_guard', expected: 1, present: 0 },
    ]);
  });

  it('gives the id of a watcher with its first message alone, and to none that does not acknowledge', async () => {
    const server = await serve();
    const stream = watch(server.client, { watcher: { component: 'c', instance: 'i', acknowledges: true } });
    const other = watch(server.client, { watcher: { component: 'c', instance: 'o', acknowledges: false } });
    expect((await stream.next()).watcherId).to.match(/^[\w-]{12}$/);
    expect((await other.next()).watcherId).to.equal('');
    await patch(server.client, 20);
    expect((await stream.next()).watcherId).to.equal('');
    stream.cancel();
    other.cancel();
  });

  it('refuses what cannot be meant, and says why', async () => {
    const server = await serve();
    const member = await join(server.address, 'one', { answers: false });
    const long = 'x'.repeat(2000);
    const bad = await failure(
      acknowledgeWith(server, { watcherId: long, rejection: long, pendingSequence: -1, version: undefined }),
    );
    expect(bad.code).to.equal(status.INVALID_ARGUMENT);
    expect(bad.fields).to.deep.equal(['watcher_id', 'version', 'rejection', 'pending_sequence']);
    const unknown = await failure(acknowledgeWith(server, { watcherId: 'unknown', version: member.version }));
    expect(unknown).to.include({ code: status.NOT_FOUND, reason: 'WATCHER_UNKNOWN' });
    const ahead = { ...member.version, revision: 9 };
    expect((await failure(member.acknowledge({ version: ahead }))).fields).to.deep.equal(['version']);
    expect(
      (await failure(acknowledgeWith(server, { namespace: 'other', watcherId: 'x', version: ahead }))).reason,
    ).to.equal('NAMESPACE_UNKNOWN');

    const wait = (
      parts: Parameters<typeof waitAppliedOver>[2],
      version: Version | undefined = member.version,
    ) => failure(waitAppliedOver(server.client, version, parts));
    expect((await failure(waitAppliedOver(server.client, undefined))).fields).to.deep.equal(['version']);
    expect((await wait({ timeout: { seconds: 61, nanos: 0 } })).fields).to.deep.equal(['timeout']);
    expect((await wait({ timeout: { seconds: -1, nanos: 0 } })).fields).to.deep.equal(['timeout']);
    const selector = { components: [''], instances: [long] };
    expect((await wait({ selector })).fields).to.deep.equal(['selector.components', 'selector.instances']);
    expect(await wait({}, { epoch: 'another', revision: 1 })).to.include({ reason: 'EPOCH_UNKNOWN' });
    expect((await failure(listWatchers(server.client, selector))).fields).to.have.length(2);

    const imposter = watch(server.client, {
      watcher: { component: 'replica', instance: '', acknowledges: true },
    });
    expect((await failure(imposter.next())).fields).to.deep.equal(['watcher.component']);
  });

  it('answers one acknowledgement after the other on one stream, and ends it with what it refuses', async () => {
    const server = await serve();
    const member = await join(server.address, 'one', { answers: false });
    const client = keep(new FleetServiceClient(server.address, credentials.createInsecure()), (it) => {
      it.close();
    });
    const said = { ...AcknowledgeRequest.create(), watcherId: member.id, version: member.version };
    const stream = client.acknowledgeEach();
    const answers = (stream as AsyncIterable<AcknowledgeEachResponse>)[Symbol.asyncIterator]();
    for (let i = 0; i < 2; i += 1) {
      stream.write({ acknowledgement: said });
      const { renewal } = (await answers.next()).value as AcknowledgeEachResponse;
      expect(renewal!.version).to.deep.equal(member.version);
      expect(renewal!.validFor!.seconds).to.be.within(5, 10);
    }
    stream.write({ acknowledgement: { ...said, watcherId: 'unknown' } });
    expect(await failure(answers.next())).to.include({ code: status.NOT_FOUND, reason: 'WATCHER_UNKNOWN' });

    const empty = client.acknowledgeEach();
    empty.write({ acknowledgement: undefined });
    const nothing = (empty as AsyncIterable<AcknowledgeEachResponse>)[Symbol.asyncIterator]();
    expect((await failure(nothing.next())).fields).to.deep.equal(['watcher_id', 'version']);
  });

  it('takes nothing for a watcher from another client', async () => {
    const server = await serve();
    const member = await join(server.address, 'one', { answers: false });
    const { members } = await listWatchers(server.client, { components: ['executor'] });
    const { watcherId } = members[0]!;
    const said = { ...AcknowledgeRequest.create(), watcherId, version: member.version };
    const other = ask(server.client, FleetServiceService.acknowledge, said, { 'x-policy-client': 'other' });
    expect((await failure(other)).reason).to.equal('WATCHER_UNKNOWN');
    expect((await member.acknowledge()).validFor!.seconds).to.be.above(0);
  });

  it('lets who waits go away, and tells the others that the server stops', async () => {
    const server = await serve();
    await join(server.address, 'slow', { answers: false });
    const version = await patch(server.client, 20);
    const leaving = startWaiting(server.client, version, 60);
    const staying = failure(waitAppliedOver(server.client, version, { timeout: { seconds: 60, nanos: 0 } }));
    await waitAppliedOver(server.client, version, { timeout: { seconds: 0, nanos: 0 } });
    leaving.cancel();
    await leaving.ended;
    await until(async () => server.log.some(({ msg }) => msg === 'WaitApplied abandoned by its caller'));
    await server.close();
    expect((await staying).reason).to.equal('SHUTTING_DOWN');
  });

  for (const [name, start] of [
    ['Redis', startRedis],
    ['PostgreSQL', plainPostgres],
  ] as const) {
    it(`spans the servers on one ${name}`, async () => {
      const { url } = keep<{ url: string; close(): Promise<unknown> }>(await start(), (store) =>
        store.close(),
      );
      const near = await serve({ store: url });
      const far = await serve({ store: url });
      const slow = await join(far.address, 'far');
      await join(near.address, 'near');
      await membersOnce(near.client, (members) => members.length === 4);

      const version = await stop(near.client);
      const receipt = await waitAppliedOver(near.client, version, { timeout: { seconds: 30, nanos: 0 } });
      expect(receipt.appliedEverywhere).to.equal(true);
      expect(withoutReplicas(linesOf(receipt))).to.deep.equal([
        'executor/far applied',
        'executor/near applied',
        'replica applied',
        'replica applied',
      ]);
      const replicas = receipt.members.filter(({ component }) => component === 'replica');
      expect(replicas.map(({ address }) => address)).to.have.members([near.address, far.address]);

      slow.answers = false;
      const next = await patch(near.client, 20);
      const part = await waitAppliedOver(near.client, next, { timeout: { seconds: 0, nanos: 500_000_000 } });
      expect(withoutReplicas(linesOf(part)))
        .to.include('executor/far pending')
        .and.to.include('executor/near applied');

      await far.close();
      const left = await membersOnce(near.client, (members) => members.length === 3);
      expect(withoutReplicas(linesOf({ members: left }))).to.deep.equal([
        'executor/far lost',
        'executor/near applied',
        'replica applied',
      ]);
    });
  }

  it('keeps the watchers of a server that was killed as lost until their leases have ended', async () => {
    const { url } = keep(await startRedis(), (store) => store.close());
    const near = await serve({ store: url, flags: ['--lease', '1s'] });
    const far = keep(await spawnServer({ POLICY_STORE: url, POLICY_LEASE: '1s' }), (server) => server.kill());
    await join(far.address, 'far');
    const other = keep(connect(far.address), (client) => {
      client.close();
    });
    await membersOnce(other, (members) => members.length === 3);
    await membersOnce(near.client, (members) => members.length === 3);
    await far.kill();
    const version = await stop(near.client);
    const receipt = await waitAppliedOver(near.client, version, { timeout: { seconds: 10, nanos: 0 } });
    expect(withoutReplicas(linesOf(receipt))).to.include('replica applied');
    expect(linesOf(receipt).filter((line) => line.endsWith(' pending'))).to.deep.equal([]);
    await membersOnce(near.client, (members) => members.length === 1);
    expect((await waitAppliedOver(near.client, version)).appliedEverywhere).to.equal(true);
  });
});
