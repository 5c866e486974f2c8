import { Metadata, status } from '@grpc/grpc-js';
import {
  AcknowledgeRequest,
  Delivery,
  FleetServiceService,
  GetRequest,
  GetRevisionRequest,
  HistoryServiceService,
  ListChangesRequest,
  ListWatchersRequest,
  PatchRequest,
  type PatchResponse,
  PolicyPatch,
  PolicyServiceService,
  ResetRequest,
  RollbackRequest,
  UpdateRequest,
  WaitAppliedRequest,
  WatchRequest,
  type WatchResponse,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { type FieldName, FIELDS } from '../../server/src/domain/policy.js';
import {
  type ServerReflectionResponse,
  ServerReflectionService,
} from '../../server/src/grpc/gen/grpc/reflection/v1/reflection.js';
import { beforeReset, ENDS, GIVEN, LIMITS, patchOf, withField } from '../support/access-matrix/policies.js';
import { type Row, ROWS, type Towards } from '../support/access-matrix/table.js';
import {
  another,
  type MatrixWorld,
  othersOverride,
  ownOverride,
  startMatrix,
  verdict,
} from '../support/access-matrix/world.js';
import type { Failure } from '../support/server.js';

type Written = Pick<PatchResponse, 'version'>;

/** A change of one field by one call. */
interface Change {
  readonly given: typeof GIVEN;
  write(world: MatrixWorld, identity: string, validateOnly: boolean): Promise<Written>;
}

/** How each call changes one field, and no other; undefined: it cannot. */
const CALLS: Readonly<Record<string, (field: FieldName, towards: Towards) => Change | undefined>> = {
  Update: (field, towards) => ({
    given: GIVEN,
    write(world, identity, validateOnly) {
      const policy = withField(GIVEN, field, ENDS[towards]);
      const request = { ...UpdateRequest.create(), policy, validateOnly };
      return world.call(identity, PolicyServiceService.update, request);
    },
  }),
  Patch: (field, towards) => ({
    given: GIVEN,
    write(world, identity, validateOnly) {
      const patch = { ...PolicyPatch.create(), ...patchOf(field, towards) };
      const request = { ...PatchRequest.create(), patch, validateOnly };
      return world.call(identity, PolicyServiceService.patch, request);
    },
  }),
  Reset(field, towards) {
    const given = beforeReset(field, towards);
    return (
      given && {
        given,
        write: (world, identity, validateOnly) =>
          world.call(identity, PolicyServiceService.reset, { ...ResetRequest.create(), validateOnly }),
      }
    );
  },
  Rollback: (field, towards) => ({
    given: GIVEN,
    write(world, identity, validateOnly) {
      const revision = world.revisions[towards];
      const request = { ...RollbackRequest.create(), revision, fields: [field], validateOnly };
      return world.call(identity, PolicyServiceService.rollback, request);
    },
  }),
};

/** As the identities are called after their roles. */
const ROLES = ROWS.filter(({ identity }) => !['nobody', 'elsewhere', 'two_desks'].includes(identity));

function rolesThat(may: (row: Row) => boolean): string[] {
  return ROLES.filter(may).map(({ identity }) => identity);
}

describe('the matrix of rights, over gRPC', () => {
  let world: MatrixWorld;
  let cells = 0;
  before(async () => {
    world = await startMatrix();
  });
  after(() => world.close());

  async function head(): Promise<number> {
    const { version } = await world.call('operator', PolicyServiceService.get, GetRequest.create());
    return version!.revision;
  }

  /** Makes a call of which the table says whether it is allowed. */
  async function cell<Response>(
    what: string,
    isAllowed: boolean,
    call: () => Promise<Response>,
  ): Promise<Response | Failure> {
    cells += 1;
    const result = await verdict(call());
    const isDone = 'response' in result;
    expect(isDone, `${what} was ${isDone ? 'let through' : `refused: ${result.refused.message}`}`).to.equal(
      isAllowed,
    );
    return isDone ? result.response : result.refused;
  }

  /** A write; one that is refused changes nothing and says what was refused and who could. */
  async function write(
    what: string,
    row: Row,
    { isAllowed, field, roles }: { isAllowed: boolean; field: string; roles: string[] },
    validateOnly: boolean,
    call: () => Promise<Written>,
  ): Promise<void> {
    const before = await head();
    const result = await cell(what, isAllowed, call);
    const expected = isAllowed && !validateOnly ? before + 1 : before;
    expect(await head(), `the revision after ${what}`).to.equal(expected);
    if ('version' in result) expect(result.version?.revision, what).to.equal(expected);
    if (!('reason' in result)) return;
    expect(result.code).to.equal(status.PERMISSION_DENIED);
    if (!row.may.has('read')) return;
    expect(result.fields, what).to.include(field);
    expect(new Set(result.fields), what).to.have.property('size', 1);
    expect(result.info.get('fields'), what).to.equal(field);
    expect(result.info.get('identity')).to.equal(row.identity);
    expect(result.info.get('roles')?.split(','), what).to.have.members(roles);
  }

  for (const [name, change] of Object.entries(CALLS)) {
    for (const validateOnly of [false, true]) {
      it(`holds for ${name}${validateOnly ? ' with validate_only' : ''}, by identity, field and direction`, async () => {
        for (const row of ROWS) {
          for (const field of FIELDS) {
            for (const towards of ['tighten', 'loosen'] as const) {
              const made = change(field, towards);
              if (made === undefined) continue;
              await world.give(made.given);
              const isAllowed = row.mayChange(field, towards);
              const roles = rolesThat((role) => role.mayChange(field, towards));
              const what = `${name} by ${row.identity} to ${towards} ${field}`;
              await write(what, row, { isAllowed, field, roles }, validateOnly, () =>
                made.write(world, row.identity, validateOnly),
              );
              if (isAllowed && !validateOnly) world.changed();
            }
          }
        }
      });
    }
  }

  for (const validateOnly of [false, true]) {
    it(`holds for Override${validateOnly ? ' with validate_only' : ''}, by identity, what is limited and ttl`, async () => {
      for (const row of ROWS) {
        for (const [limited, limits] of Object.entries(LIMITS)) {
          for (const ttl of [undefined, { seconds: 3600, nanos: 0 }]) {
            const mayTrip = ({ may }: Row): boolean =>
              may.has('trip') && (ttl === undefined || may.has('ttl'));
            const request = { name: 'matrix', limits, ttl, reason: 'a cell', validateOnly };
            const unset = { namespace: '', expectedVersion: undefined, requestId: '' };
            const what = `Override by ${row.identity} of ${limited}${ttl ? ' with a ttl' : ''}`;
            const isAllowed = mayTrip(row);
            const expected = { isAllowed, field: 'overrides', roles: rolesThat(mayTrip) };
            await write(what, row, expected, validateOnly, () =>
              world.call(row.identity, PolicyServiceService.override, { ...request, ...unset }),
            );
            if (isAllowed && !validateOnly) await restore('operator', 'matrix');
          }
        }
      }
    });
  }

  for (const validateOnly of [true, false]) {
    it(`holds for Restore${validateOnly ? ' with validate_only' : ''}, by identity and by whose the override is`, async () => {
      for (const row of ROWS) {
        for (const right of ['restore-own', 'restore-others']) {
          const { identity } = row;
          const name = right === 'restore-own' ? ownOverride(identity) : othersOverride(identity);
          const isAllowed = row.may.has(right);
          const expected = { isAllowed, field: 'overrides', roles: rolesThat(({ may }) => may.has(right)) };
          await write(`Restore by ${identity} of what is ${name}`, row, expected, validateOnly, () =>
            restore(identity, name, validateOnly),
          );
        }
      }
    });
  }

  function restore(identity: string, name: string, validateOnly = false) {
    const request = {
      namespace: '',
      name,
      reason: '',
      expectedVersion: undefined,
      requestId: '',
      validateOnly,
    };
    return world.call(identity, PolicyServiceService.restore, request);
  }

  it('holds for reading, watching, acknowledging, history and fleet, by identity', async () => {
    for (const { identity, may } of ROWS) {
      const { revisions } = world;
      const { version } = await world.call('operator', PolicyServiceService.get, GetRequest.create());
      const reads: Record<string, [right: string, call: () => Promise<unknown>]> = {
        Get: ['read', () => world.call(identity, PolicyServiceService.get, GetRequest.create())],
        Watch: ['read', () => firstMessage(identity)],
        Acknowledge: ['read', () => acknowledgeOwn(identity)],
        AcknowledgeEach: ['read', () => acknowledgeOwn(identity, acknowledgeOnStream)],
        ListChanges: [
          'history',
          () => world.call(identity, HistoryServiceService.listChanges, ListChangesRequest.create()),
        ],
        GetRevision: [
          'history',
          () =>
            world.call(identity, HistoryServiceService.getRevision, {
              ...GetRevisionRequest.create(),
              at: { $case: 'revision', value: revisions.tighten },
            }),
        ],
        ListWatchers: [
          'fleet',
          () => world.call(identity, FleetServiceService.listWatchers, ListWatchersRequest.create()),
        ],
        WaitApplied: [
          'fleet',
          () =>
            world.call(identity, FleetServiceService.waitApplied, {
              ...WaitAppliedRequest.create(),
              version,
            }),
        ],
        Reflection: ['reflection', () => listServices(identity)],
      };
      for (const [name, [right, read]] of Object.entries(reads)) {
        const refused = await cell(`${name} by ${identity}`, may.has(right), read);
        if (may.has(right)) continue;
        const roles = rolesThat((role) =>
          role.may.has(may.has('read') || right === 'reflection' ? right : 'read'),
        );
        const named = (refused as Failure).info.get('roles')!.split(',');
        // Of many not all are named.
        const more = /^… (\d+) more$/.exec(named.at(-1)!)?.[1];
        const whole = more === undefined ? named : named.slice(0, -1);
        expect(roles, name).to.include.members(whole);
        expect(whole.length + Number(more ?? 0), name).to.equal(roles.length);
      }
    }
  });

  it('holds for another namespace, where one has a role only there', async () => {
    const inPaper = { ...GetRequest.create(), namespace: 'paper' };
    const given = { ...UpdateRequest.create(), namespace: 'paper', policy: GIVEN };
    await world.call('elsewhere', PolicyServiceService.update, given);
    await cell('Get in paper by elsewhere', true, () =>
      world.call('elsewhere', PolicyServiceService.get, inPaper),
    );
    await cell('Get in paper by nobody', false, () =>
      world.call('nobody', PolicyServiceService.get, inPaper),
    );
    for (const identity of ['elsewhere', 'msc_ai', 'executor']) {
      for (const field of FIELDS) {
        const patch = { ...PolicyPatch.create(), ...patchOf(field, 'loosen') };
        const isAllowed = ROWS.find((row) => row.identity === identity)!.mayChange(field, 'loosen');
        await cell(`Patch of ${field} in paper by ${identity}`, isAllowed || identity === 'elsewhere', () =>
          world.call(identity, PolicyServiceService.patch, {
            ...PatchRequest.create(),
            namespace: 'paper',
            patch,
            validateOnly: true,
          }),
        );
      }
    }
  });

  it('was gone through in every cell', () => {
    const cannot = 6;
    const base = 4 * (FIELDS.length * 2) - cannot;
    const overrides = Object.keys(LIMITS).length * 2 + 2;
    expect(cells).to.equal(ROWS.length * (2 * (base + overrides) + 9) + 2 + 3 * FIELDS.length);
  });

  function firstMessage(identity: string): Promise<WatchResponse> {
    return withStream(identity, (message) => Promise.resolve(message));
  }

  function acknowledgeOwn(identity: string, acknowledge = acknowledgeByCall): Promise<unknown> {
    // Who may not watch has no stream, and asks with somebody else's.
    const mayWatch = ROWS.some((row) => row.identity === identity && row.may.has('read'));
    return withStream(mayWatch ? identity : another(identity), ({ watcherId, version }) =>
      acknowledge(identity, { ...AcknowledgeRequest.create(), watcherId, version }),
    );
  }

  function acknowledgeByCall(identity: string, request: AcknowledgeRequest): Promise<unknown> {
    return world.call(identity, FleetServiceService.acknowledge, request);
  }

  function acknowledgeOnStream(identity: string, acknowledgement: AcknowledgeRequest): Promise<unknown> {
    return answerTo(FleetServiceService.acknowledgeEach, identity, { acknowledgement });
  }

  async function withStream<Result>(
    identity: string,
    then: (first: WatchResponse) => Promise<Result>,
  ): Promise<Result> {
    const watcher = { component: 'matrix', instance: identity, acknowledges: true };
    const request = { ...WatchRequest.create(), delivery: Delivery.PATCHES, watcher };
    const stream = world.server.client.watch(request, metadataOf(identity));
    try {
      const first = await new Promise<WatchResponse>((resolve, reject) => {
        stream.once('data', resolve);
        stream.on('error', reject);
      });
      return await then(first);
    } finally {
      stream.cancel();
    }
  }

  function listServices(identity: string): Promise<ServerReflectionResponse> {
    const messageRequest = { $case: 'listServices', value: '*' } as const;
    return answerTo(ServerReflectionService.serverReflectionInfo, identity, { host: '', messageRequest });
  }

  function metadataOf(identity: string): Metadata {
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(world.headersOf(identity))) metadata.set(key, value);
    return metadata;
  }

  /** The answer to the only message of a stream. */
  function answerTo<Question, Answer>(
    { path, requestSerialize, responseDeserialize }: StreamMethod<Question, Answer>,
    identity: string,
    question: Question,
  ): Promise<Answer> {
    const { client } = world.server;
    const stream = client.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      metadataOf(identity),
    );
    return new Promise((resolve, reject) => {
      stream.on('error', reject);
      stream.on('data', (answer: Answer) => {
        stream.end();
        resolve(answer);
      });
      stream.write(question);
    });
  }
});

interface StreamMethod<Question, Answer> {
  readonly path: string;
  readonly requestSerialize: (question: Question) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Answer;
}
