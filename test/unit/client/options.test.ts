import {
  type CallOptions,
  type ClientOptions,
  type GetOptions,
  type HistoryOptions,
  type OverrideOptions,
  PolicyClient,
  PolicyStoreError,
  Preset,
  type RollbackOptions,
  type WatchOptions,
  type WriteOptions,
} from '@policystore/client';
import { expect } from 'chai';

import { rejection } from '../../support/rejection.js';

describe('options', () => {
  let client: PolicyClient;

  beforeEach(() => {
    client = new PolicyClient({ addresses: '127.0.0.1:1', deadlineMs: 1 });
  });

  afterEach(() => {
    client.close();
  });

  it('refuse an unknown name of a client, and name the nearest one', () => {
    expect(() => new PolicyClient({ adresses: ['127.0.0.1:1'] } as ClientOptions)).to.throw(
      TypeError,
      'PolicyClient has no option "adresses"; did you mean "addresses"?',
    );
  });

  it('refuse an unknown name of a read', async () => {
    const error = await rejection(
      client.get({ minversion: { epoch: 'e', revision: 1 } } as GetOptions),
      TypeError,
    );

    expect(error.message).to.include('get has no option "minversion"; did you mean "minVersion"?');
  });

  it('refuse an unknown name of every write', async () => {
    const misspelt = { validateonly: true } as WriteOptions;

    for (const write of [
      client.patch({}, misspelt),
      client.update({}, misspelt),
      client.reset(Preset.BALANCED, misspelt),
      client.restore('ban', misspelt),
    ]) {
      expect((await rejection(write, TypeError)).message).to.include(
        'a write has no option "validateonly"; did you mean "validateOnly"?',
      );
    }
  });

  it('refuse an unknown name of a rollback, an override and a look at the past', async () => {
    const misspelt = { singal: undefined };

    for (const [call, what] of [
      [client.rollback(3, misspelt as RollbackOptions), 'rollback'],
      [client.override({ reason: 'r' }, misspelt as OverrideOptions), 'override'],
      [client.revision({ revision: 3 }, misspelt as CallOptions), 'revision'],
    ] as const) {
      expect((await rejection(call, TypeError)).message).to.include(
        `${what} has no option "singal"; did you mean "signal"?`,
      );
    }
    expect(() => client.history({ field: ['max_positions'] } as HistoryOptions)).to.throw(
      TypeError,
      'history has no option "field"; did you mean "fields"?',
    );
  });

  it('name where to roll back to, and never all fields by accident', async () => {
    const unfit = [
      '3',
      1.5,
      NaN,
      null,
      undefined,
      { epoch: 'e' },
      { revision: '3' },
      { revision: 3, epoch: 4 },
    ];
    for (const to of unfit) {
      expect((await rejection(client.rollback(to as unknown as number), TypeError)).message).to.equal(
        'a revision must be a whole number, or a version { epoch, revision }',
      );
    }
    expect((await rejection(client.rollback(3, { fields: [] }), TypeError)).message).to.equal(
      'fields is empty; leave it out to roll back all fields',
    );
  });

  it('never mean the circuit breaker by an empty name', async () => {
    for (const name of ['', null, 5] as unknown as string[]) {
      for (const call of [client.override({ name, reason: 'r' }), client.restore(name, { reason: 'r' })]) {
        expect((await rejection(call, TypeError)).message).to.equal(
          'the name of an override must be a text; leave it out for the circuit breaker',
        );
      }
    }
  });

  it('give every override a request id', async () => {
    const error = await rejection(client.override({ reason: 'r' }, { requestId: '' }), TypeError);

    expect(error.message).to.equal('requestId is empty; an override needs one, leave it out for a new one');
  });

  it('refuse an unknown name of a watch', () => {
    expect(() => client.watch({ field: ['max_positions'] } as WatchOptions)).to.throw(
      TypeError,
      'watch has no option "field"; did you mean "fields"?',
    );
  });

  it('list what there is where nothing is near', () => {
    expect(() => client.watch({ throttle: 5 } as WatchOptions)).to.throw(
      TypeError,
      /^watch has no option "throttle"; it has after, fields, delivery, heartbeatMs, signal$/,
    );
  });

  it('are an object', () => {
    expect(() => new PolicyClient('127.0.0.1:1' as unknown as ClientOptions)).to.throw(
      TypeError,
      'PolicyClient takes an object with addresses, namespace',
    );
  });

  it('name a preset by its number', async () => {
    for (const preset of ['CONSERVATIVE', { preset: Preset.CONSERVATIVE }, null, 1.5, 2 ** 40]) {
      expect((await rejection(client.reset(preset as unknown as Preset), TypeError)).message).to.equal(
        'the preset must be one of Preset.BALANCED, Preset.CONSERVATIVE, Preset.AGGRESSIVE, ' +
          `not ${JSON.stringify(preset)}`,
      );
    }
  });

  it('name a view by its number', async () => {
    const error = await rejection(client.get({ view: 'base' } as unknown as GetOptions), TypeError);

    expect(error.message).to.equal('view must be one of View.EFFECTIVE, View.BASE, not "base"');
  });

  it('name the kinds of changes by their numbers', () => {
    expect(() => client.history({ kinds: ['OVERRIDE'] } as unknown as HistoryOptions)).to.throw(
      TypeError,
      /^each of kinds must be one of ChangeKind.CREATE, .*ChangeKind.OVERRIDE, .*, not "OVERRIDE"$/,
    );
  });

  it('leave a number that only newer servers know to the server', async () => {
    const error = await rejection(client.get({ view: 7 } as unknown as GetOptions), PolicyStoreError);

    expect(error).to.have.property('code').that.is.oneOf(['UNAVAILABLE', 'DEADLINE_EXCEEDED']);
    const newer: unknown = { kinds: [99] };
    expect(() => client.history(newer as HistoryOptions)).to.not.throw();
  });

  it('name a delivery by its word', () => {
    for (const delivery of ['SNAPSHOTS', 'snapshot', 1, null]) {
      expect(() => client.watch({ delivery } as unknown as WatchOptions)).to.throw(
        TypeError,
        `delivery must be 'patches' or 'snapshots', not ${JSON.stringify(delivery)}`,
      );
    }
  });

  it('do not take a text for a list of its letters', async () => {
    const fields = 'max_positions';
    const message = 'fields must be an array of names';

    expect(() => client.watch({ fields } as unknown as WatchOptions)).to.throw(TypeError, message);
    expect(() => client.history({ fields } as unknown as HistoryOptions)).to.throw(TypeError, message);
    const rollback = client.rollback(3, { fields } as unknown as RollbackOptions);
    expect((await rejection(rollback, TypeError)).message).to.equal(message);
  });

  it('go on from a policy with its version', () => {
    const version = { epoch: 'e', revision: 1 };
    const notModified = { version, policy: undefined };
    const unfit = [version, 'e:1', null, notModified, { policy: {} }, { policy: {}, version: 'e:1' }];
    for (const after of unfit) {
      expect(() => client.watch({ after } as unknown as WatchOptions)).to.throw(
        TypeError,
        'after must be what get answered or an event of a watch, with its policy and version',
      );
    }
  });

  it('say where a server is by host and port', () => {
    const unfit = [
      '127.0.0.1',
      'http://127.0.0.1:50051',
      '127.0.0.1:50051/',
      'host:',
      ':50051',
      'host:0',
      'host:65536',
      'host:5005l',
      '::1:50051',
      'two words:50051',
    ];
    for (const address of unfit) {
      expect(() => new PolicyClient({ addresses: ['127.0.0.1:50051', address] })).to.throw(
        TypeError,
        `addresses: ${JSON.stringify(address)} is not host:port, such as 127.0.0.1:50051`,
      );
    }
    for (const address of ['127.0.0.1:50051', 'localhost:1', 'policy-store_1.prod:65535', '[::1]:50051']) {
      new PolicyClient({ addresses: address }).close();
    }
  });

  it('name the variable that an unfit address comes from', () => {
    const before = process.env['POLICY_ADDR'];
    process.env['POLICY_ADDR'] = 'localhost';
    try {
      expect(() => new PolicyClient()).to.throw(TypeError, 'POLICY_ADDR: "localhost" is not host:port');
    } finally {
      if (before === undefined) delete process.env['POLICY_ADDR'];
      else process.env['POLICY_ADDR'] = before;
    }
  });
});
