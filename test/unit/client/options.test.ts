import {
  type ClientOptions,
  type GetOptions,
  PolicyClient,
  Preset,
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
    ]) {
      expect((await rejection(write, TypeError)).message).to.include(
        'a write has no option "validateonly"; did you mean "validateOnly"?',
      );
    }
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
});
