import { ChangeKind, type HistoryEntry, PolicyClient, PolicyStoreError, RiskMode } from '@policystore/client';
import {
  type GetRevisionRequest,
  GetRevisionResponse,
  type ListChangesRequest,
  ListChangesResponse,
  type RollbackRequest,
  RollbackResponse,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { PolicyError } from '../../server/src/errors.js';
import { answering } from '../support/answering.js';
import { rejection } from '../support/rejection.js';
import { type Script, type ScriptedServer, startScriptedServer } from '../support/scripted-server.js';

const at = (revision: number, epoch = 'e1') => ({ epoch, revision });

/** A change of max_positions to its own revision. */
const entry = (revision: number) => ({
  change: {
    version: at(revision),
    commitTime: { seconds: revision, nanos: 250_999_000 },
    kind: ChangeKind.PATCH,
    actor: 'msc_ai',
    reason: `why ${revision}`,
    patch: { maxPositions: revision },
  },
  fields: [{ field: 'max_positions', before: revision - 1, after: revision }],
});

/** One page of changes; `next` empty: the last one. */
const page = (next: string, ...revisions: number[]) =>
  ListChangesResponse.fromPartial({ entries: revisions.map(entry), nextPageToken: next });

const listing = (...pages: (ListChangesResponse | PolicyError)[]) =>
  answering<ListChangesRequest, ListChangesResponse>(...pages);

describe('PolicyClient.history', () => {
  const servers: ScriptedServer[] = [];
  const clients: PolicyClient[] = [];

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });

  async function connect(...scripts: Script[]): Promise<PolicyClient> {
    const started = await Promise.all(scripts.map((script) => startScriptedServer(script)));
    servers.push(...started);
    const client = new PolicyClient({ addresses: started.map(({ address }) => address), namespace: 'paper' });
    clients.push(client);
    return client;
  }

  const revisionsOf = (entries: readonly HistoryEntry[]) => entries.map(({ version }) => version.revision);

  it('fetches a page when the one before is used up, past empty ones', async () => {
    const list = listing(page('a', 9, 8), page('b'), page('c', 7), page(''));
    const client = await connect({ listChanges: list.handler });
    const calls: number[] = [];

    const entries: HistoryEntry[] = [];
    for await (const each of client.history({ pageSize: 2 })) {
      entries.push(each);
      calls.push(list.calls.length);
    }

    expect(revisionsOf(entries)).to.deep.equal([9, 8, 7]);
    expect(calls).to.deep.equal([1, 1, 3]);
    expect(list.requests.map(({ pageToken }) => pageToken)).to.deep.equal(['', 'a', 'b', 'c']);
    expect(list.requests.every(({ namespace, pageSize }) => namespace === 'paper' && pageSize === 2)).to.be
      .true;
  });

  it('asks for no more when the loop is left', async () => {
    const list = listing(page('a', 9, 8), page('', 7));
    const client = await connect({ listChanges: list.handler });

    for await (const { version } of client.history()) if (version.revision === 8) break;

    expect(list.calls).to.have.lengthOf(1);
  });

  it('sends the filters with every page', async () => {
    const list = listing(page('a', 9), page(''));
    const client = await connect({ listChanges: list.handler });
    const [from, to] = [new Date(1000), new Date(2250)];

    const history = client.history({
      actor: 'msc_ai',
      fields: ['max_positions', 'overrides'],
      kinds: [ChangeKind.PATCH, ChangeKind.OVERRIDE],
      from,
      to,
    });
    while (!(await history.next()).done);

    for (const request of list.requests) {
      expect(request).to.deep.include({
        actor: 'msc_ai',
        fields: ['max_positions', 'overrides'],
        kinds: [ChangeKind.PATCH, ChangeKind.OVERRIDE],
        from: { seconds: 1, nanos: 0 },
        to: { seconds: 2, nanos: 250_999_999 },
        pageSize: 0,
      });
    }
    expect(list.calls).to.have.lengthOf(2);
  });

  it('shows who changed what, when and why', async () => {
    const client = await connect({ listChanges: listing(page('', 9)).handler });

    const { value } = await client.history().next();

    expect(value).to.deep.include({
      version: at(9),
      kind: ChangeKind.PATCH,
      actor: 'msc_ai',
      reason: 'why 9',
      commitTime: new Date(9250),
      fields: [{ field: 'max_positions', before: 8, after: 9 }],
      overrides: undefined,
      recovery: undefined,
      origin: undefined,
      rollbackTo: undefined,
    });
    // No override made it differ.
    expect(value?.effectivePatch).to.deep.equal(value?.change.patch);
  });

  it('shows values of every kind, absent ones and what an override did', async () => {
    const fields = [
      { field: 'allowed_symbols', before: undefined, after: ['BTC'] },
      { field: 'custom_params', before: { a: null }, after: { a: { b: [1, 'x', true] } } },
    ];
    const change = {
      ...entry(9).change,
      kind: ChangeKind.ROLLBACK,
      effectivePatch: { maxPositions: 3 },
      overrides: { before: [], after: [{ name: 'news' }] },
      rollbackTo: at(4),
      origin: { version: at(7, 'e0'), id: 'x', commitTime: undefined },
      recovery: { store: at(3), halted: true },
    };
    const answer = ListChangesResponse.fromPartial({ entries: [{ change, fields }] });
    const client = await connect({ listChanges: listing(answer).handler });

    const { value } = await client.history().next();

    expect(value?.fields.map(({ before, after }) => [before, after])).to.deep.equal([
      [undefined, ['BTC']],
      [{ a: null }, { a: { b: [1, 'x', true] } }],
    ]);
    expect(value?.effectivePatch.maxPositions).to.equal(3);
    expect(value?.overrides?.after.map(({ name }) => name)).to.deep.equal(['news']);
    expect(value).to.deep.include({
      rollbackTo: at(4),
      origin: { version: at(7, 'e0'), id: 'x', commitTime: undefined },
    });
    expect(value?.recovery).to.deep.include({ store: at(3), held: undefined, halted: true });
  });

  it('goes on at another address when a page cannot be read', async () => {
    const away = new PolicyError('STORE_UNAVAILABLE', 'away', { retryAfterMs: 1 });
    const first = listing(page('a', 9), away);
    const second = listing(page('', 8));
    const client = await connect({ listChanges: first.handler }, { listChanges: second.handler });

    const entries: HistoryEntry[] = [];
    for await (const each of client.history()) entries.push(each);

    expect(revisionsOf(entries)).to.deep.equal([9, 8]);
    expect(second.requests[0]!.pageToken).to.equal('a');
  });

  it('ends with an error that trying again cannot help', async () => {
    const list = listing(page('a', 9), new PolicyError('REVISION_COMPACTED', 'the log begins at e1:10'));
    const history = (await connect({ listChanges: list.handler })).history();
    await history.next();

    const error = await rejection(history.next(), PolicyStoreError);

    expect(error).to.include({ code: 'OUT_OF_RANGE', reason: 'REVISION_COMPACTED' });
    expect(await history.next()).to.deep.equal({ done: true, value: undefined });
  });

  it('ends with the reason of an abort', async () => {
    const abort = new AbortController();
    const client = await connect({ listChanges: listing(page('a', 9), page('', 8)).handler });
    const history = client.history({ signal: abort.signal });
    await history.next();

    abort.abort(new Error('enough'));

    expect(await rejection(history.next(), Error)).to.have.property('message', 'enough');
  });

  it('shows what was in force at a revision or a time', async () => {
    const answer = GetRevisionResponse.fromPartial({
      version: at(9),
      base: { riskMode: RiskMode.AGGRESSIVE, maxPositions: 12 },
      effective: { riskMode: RiskMode.DEFENSIVE, maxPositions: 3 },
      entry: entry(9),
    });
    const revision = answering<GetRevisionRequest, GetRevisionResponse>(answer);
    const client = await connect({ getRevision: revision.handler });

    const past = await client.revision({ time: new Date(9300) });
    await client.revision(past.version);

    expect(past.version).to.deep.equal(at(9));
    expect(past.base).to.include({ riskMode: RiskMode.AGGRESSIVE, maxPositions: 12 });
    expect(past.effective).to.include({ riskMode: RiskMode.DEFENSIVE, maxPositions: 3 });
    expect(past.entry).to.include({ actor: 'msc_ai', reason: 'why 9' });
    expect(revision.requests).to.deep.equal([
      {
        namespace: 'paper',
        at: { $case: 'time', value: { seconds: 9, nanos: 300_000_000 } },
        epoch: '',
      },
      { namespace: 'paper', at: { $case: 'revision', value: 9 }, epoch: 'e1' },
    ]);
  });

  it('rolls back to a revision or a version, all of it or some fields', async () => {
    const rollback = answering<RollbackRequest, RollbackResponse>(
      RollbackResponse.fromPartial({
        version: at(10),
        patch: { maxPositions: 5 },
        maskedFields: ['max_positions'],
      }),
    );
    const client = await connect({ rollback: rollback.handler });

    const result = await client.rollback(4, { reason: 'bad deploy' });
    await client.rollback(at(4), { fields: ['max_positions'], validateOnly: true, expectedVersion: at(9) });

    expect(result).to.deep.include({ version: at(10), maskedFields: ['max_positions'], replayed: false });
    expect(result.patch.maxPositions).to.equal(5);
    expect(rollback.requests[0]).to.deep.include({
      namespace: 'paper',
      revision: 4,
      epoch: '',
      fields: [],
      reason: 'bad deploy',
    });
    expect(rollback.requests[0]!.requestId).to.match(/^[0-9a-f-]{36}$/);
    expect(rollback.requests[1]).to.deep.include({
      revision: 4,
      epoch: 'e1',
      fields: ['max_positions'],
      validateOnly: true,
      expectedVersion: at(9),
    });
  });
});
