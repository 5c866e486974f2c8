import { status } from '@grpc/grpc-js';
import {
  ChangeKind,
  GetRevisionRequest,
  HistoryServiceService,
  ListChangesRequest,
  type ListChangesResponse,
  PatchRequest,
  PolicyPatch,
  PolicyServiceService,
  RollbackRequest,
  type Timestamp,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { ask, failure, startServer, type TestServer } from '../support/server.js';

const { patch, rollback } = PolicyServiceService;
const { listChanges, getRevision } = HistoryServiceService;

/** An enum number that the contract does not have. */
const UNKNOWN = 77 as never;

describe('HistoryService over gRPC', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer({ flags: ['--namespaces', 'default,paper'] });
    await write({ maxPositions: 12 }, { reason: 'more room' }, 'msc_ai');
    await write({ customParams: { window: { from: '08:00' } } }, {}, 'governor');
    await write({ allowedSymbols: { clear: false, remove: [], add: ['BTCUSDT'] } }, {}, 'ranker');
  });
  after(() => server.close());

  function write(fields: Partial<PolicyPatch>, rest: Partial<PatchRequest> = {}, client = 'tester') {
    const request = { ...PatchRequest.create(), ...rest, patch: { ...PolicyPatch.create(), ...fields } };
    return ask(server.client, patch, request, { 'x-policy-client': client });
  }
  const list = (request: Partial<ListChangesRequest> = {}) =>
    ask(server.client, listChanges, { ...ListChangesRequest.create(), ...request });
  const at = (request: Partial<GetRevisionRequest>) =>
    ask(server.client, getRevision, { ...GetRevisionRequest.create(), ...request });
  const revision = (value: number): Partial<GetRevisionRequest> => ({ at: { $case: 'revision', value } });
  const time = (value: Timestamp): Partial<GetRevisionRequest> => ({ at: { $case: 'time', value } });

  it('lists who changed what, when and why, newest first', async () => {
    const { entries, nextPageToken, oldest } = await list();
    expect(entries.map(({ change }) => change?.actor)).to.deep.equal([
      'ranker',
      'governor',
      'msc_ai',
      'system',
    ]);
    expect(entries.map(({ fields }) => fields.map(({ field }) => field)).slice(0, 3)).to.deep.equal([
      ['allowed_symbols'],
      ['custom_params'],
      ['max_positions'],
    ]);
    expect(entries[0]!.fields).to.deep.equal([
      { field: 'allowed_symbols', before: undefined, after: ['BTCUSDT'] },
    ]);
    expect(entries[1]!.fields[0]!.after).to.have.nested.property('window.from', '08:00');
    expect(entries[2]!.fields).to.deep.equal([{ field: 'max_positions', before: 5, after: 12 }]);
    expect(entries[2]!.change).to.include({ kind: ChangeKind.PATCH, reason: 'more room' });
    expect(entries[2]!.change!.commitTime!.seconds).to.be.closeTo(Date.now() / 1000, 60);
    expect(nextPageToken).to.equal('');
    expect(oldest?.revision).to.equal(1);
  });

  it('pages and filters', async () => {
    const read: ListChangesResponse[] = [];
    do read.push(await list({ pageSize: 3, pageToken: read.at(-1)?.nextPageToken ?? '' }));
    while (read.at(-1)!.nextPageToken !== '');
    expect(read.map(({ entries }) => entries.length)).to.deep.equal([3, 1]);
    const { entries } = await list({
      actor: 'msc_ai',
      fields: ['max_positions'],
      kinds: [ChangeKind.PATCH],
      from: { seconds: 0, nanos: 0 },
      to: { seconds: 253_402_300_799, nanos: 999_999_999 },
    });
    expect(entries.map(({ change }) => change?.version?.revision)).to.deep.equal([2]);
  });

  it('tells what was in force at a revision and at a time', async () => {
    const { entries } = await list();
    const [, second] = entries.toReversed();
    const { version, commitTime } = second!.change!;
    for (const moment of [
      revision(version!.revision),
      { ...revision(version!.revision), epoch: version!.epoch },
      time(commitTime!),
    ]) {
      const past = await at(moment);
      expect(past.version).to.deep.equal(version);
      expect(past.base).to.deep.include({ maxPositions: 12, allowedSymbols: [], lastUpdated: commitTime });
      expect(past.effective).to.deep.equal(past.base);
      expect(past.entry).to.deep.equal(second);
    }
  });

  it('keeps namespaces apart, and knows no other', async () => {
    const { nextPageToken } = await list({ pageSize: 1 });
    expect((await list({ namespace: 'paper' })).entries).to.have.lengthOf(1);
    const foreign = await failure(list({ namespace: 'paper', pageSize: 1, pageToken: nextPageToken }));
    expect(foreign).to.include({ code: status.INVALID_ARGUMENT, reason: 'PAGE_TOKEN_INVALID' });
    for (const call of [list({ namespace: 'live' }), at({ namespace: 'live', ...revision(1) })]) {
      expect(await failure(call)).to.include({ code: status.NOT_FOUND, reason: 'NAMESPACE_UNKNOWN' });
    }
  });

  it('rolls back to a revision as one new change, of all or of named fields', async () => {
    const before = await at(revision(2));
    await write({ maxPositions: 40, maxRiskPerTrade: 0.5 });
    const request = { ...RollbackRequest.create(), revision: 2, reason: 'too bold' };
    const some = await ask(server.client, rollback, { ...request, fields: ['max_positions'] });
    expect(some.patch).to.deep.equal({ ...PolicyPatch.create(), maxPositions: 12 });
    const all = await ask(server.client, rollback, request);
    const after = await at(revision(all.version!.revision));
    expect({ ...after.base, lastUpdated: undefined }).to.deep.equal({
      ...before.base,
      lastUpdated: undefined,
    });
    expect(after.entry!.change).to.deep.include({
      kind: ChangeKind.ROLLBACK,
      reason: 'too bold',
      rollbackTo: before.version,
    });
    const { entries } = await list({ kinds: [ChangeKind.ROLLBACK] });
    expect(entries).to.have.lengthOf(2);
  });

  describe('refuses, and changes nothing', () => {
    const back = (request: Partial<RollbackRequest>) =>
      ask(server.client, rollback, { ...RollbackRequest.create(), ...request });
    const refused: [
      what: string,
      call: () => Promise<unknown>,
      code: status,
      reason: string,
      says: string,
    ][] = [
      ['a future revision', () => at(revision(1000)), status.NOT_FOUND, 'REVISION_UNKNOWN', 'newest is'],
      ['revision zero', () => at(revision(0)), status.NOT_FOUND, 'REVISION_UNKNOWN', 'the first is 1'],
      [
        'a time in the future',
        () => at(time({ seconds: 4_000_000_000, nanos: 0 })),
        status.NOT_FOUND,
        'REVISION_UNKNOWN',
        'in the future',
      ],
      [
        'a time before there was a policy',
        () => at(time({ seconds: -1, nanos: 0 })),
        status.NOT_FOUND,
        'REVISION_UNKNOWN',
        'before the first change',
      ],
      [
        'a revision of another epoch',
        () => at({ ...revision(2), epoch: 'another' }),
        status.FAILED_PRECONDITION,
        'EPOCH_UNKNOWN',
        'another',
      ],
      [
        'a rollback to a future revision',
        () => back({ revision: 1000 }),
        status.NOT_FOUND,
        'REVISION_UNKNOWN',
        'newest is',
      ],
      [
        'a rollback to another epoch',
        () => back({ revision: 2, epoch: 'another' }),
        status.FAILED_PRECONDITION,
        'EPOCH_UNKNOWN',
        'another',
      ],
      [
        'a page token that it did not give',
        () => list({ pageToken: 'bm90IG91cnM' }),
        status.INVALID_ARGUMENT,
        'PAGE_TOKEN_INVALID',
        'same namespace and filters',
      ],
    ];
    for (const [what, call, code, reason, says] of refused) {
      it(what, async () => {
        const { entries } = await list();
        const refusal = await failure(call());
        expect(refusal).to.include({ code, reason });
        expect(refusal.message).to.include(says);
        expect((await list()).entries).to.deep.equal(entries);
      });
    }

    const invalid: [what: string, call: () => Promise<unknown>, fields: string[]][] = [
      ['a page that is too long', () => list({ pageSize: 501 }), ['page_size']],
      ['a page of negative length', () => list({ pageSize: -1 }), ['page_size']],
      ['a field that does not exist', () => list({ fields: ['max_position'] }), ['fields']],
      ['a kind that does not exist', () => list({ kinds: [UNKNOWN] }), ['kinds']],
      ['the kind that is never stored', () => list({ kinds: [ChangeKind.UNSPECIFIED] }), ['kinds']],
      [
        'times that are none',
        () => list({ from: { seconds: 0, nanos: -1 }, to: { seconds: 1e12, nanos: 0 } }),
        ['from', 'to'],
      ],
      [
        'a time range that ends before it begins',
        () => list({ from: { seconds: 2, nanos: 0 }, to: { seconds: 1, nanos: 0 } }),
        ['from'],
      ],
      ['no moment', () => at({}), ['at']],
      ['a negative revision', () => at(revision(-1)), ['revision']],
      ['a rollback to no revision', () => back({}), ['revision']],
      ['an epoch of a time', () => at({ ...time({ seconds: 1, nanos: 0 }), epoch: 'e' }), ['epoch']],
      [
        'a rollback with negative revision of fields that do not exist',
        () => back({ revision: -1, fields: ['overrides'] }),
        ['revision', 'fields'],
      ],
    ];
    for (const [what, call, fields] of invalid) {
      it(what, async () => {
        const refusal = await failure(call());
        expect(refusal).to.include({ code: status.INVALID_ARGUMENT, reason: 'VALIDATION_FAILED' });
        expect(refusal.fields).to.deep.equal(fields);
      });
    }

    it('an unknown field or kind with the names that there are', async () => {
      const field = await failure(list({ fields: ['override', 'max_position'] }));
      expect(field.descriptions[0])
        .to.include('did you mean overrides?')
        .and.to.include('did you mean max_positions?');
      const kind = await failure(list({ kinds: [UNKNOWN] }));
      expect(kind.descriptions[0]).to.include('no kind 77').and.to.include('ROLLBACK (5)');
    });
  });

  it('refuses what the log no longer holds, naming the oldest version that it does', async () => {
    const own = await startServer({ flags: ['--log-max-changes', '1000'] });
    try {
      const positions = (i: number): PatchRequest => ({
        ...PatchRequest.create(),
        patch: { ...PolicyPatch.create(), maxPositions: 6 + (i % 2) },
      });
      await Promise.all(Array.from({ length: 1100 }, (_, i) => ask(own.client, patch, positions(i))));
      const { oldest } = await ask(own.client, listChanges, ListChangesRequest.create());
      const { epoch, revision: first } = oldest!;
      expect(first).to.equal(102);
      const gone = { ...GetRevisionRequest.create(), ...revision(first - 1) };
      const back = { ...RollbackRequest.create(), revision: 1 };
      for (const call of [ask(own.client, getRevision, gone), ask(own.client, rollback, back)]) {
        const refusal = await failure(call);
        expect(refusal).to.include({ code: status.OUT_OF_RANGE, reason: 'REVISION_COMPACTED' });
        expect(refusal.message).to.include(`${epoch}:${first}`);
      }
      const kept = { ...GetRevisionRequest.create(), ...revision(first) };
      expect((await ask(own.client, getRevision, kept)).version).to.deep.equal(oldest);
    } finally {
      await own.close();
    }
  });
});
