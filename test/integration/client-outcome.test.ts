import { PolicyClient, PolicyStoreError } from '@policystore/client';
import {
  type OverrideRequest,
  OverrideResponse,
  type PatchRequest,
  type PatchResponse,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { PolicyError } from '../../server/src/errors.js';
import { answering } from '../support/answering.js';
import { closeAfterEach } from '../support/closing.js';
import { rejection } from '../support/rejection.js';
import { type Script, type ScriptedServer, startScriptedServer } from '../support/scripted-server.js';

const away = () =>
  new PolicyError('STORE_UNAVAILABLE', 'away; no write was committed', { retryAfterMs: 10_000 });
const refuses = (error: PolicyError) => ({ patch: answering<PatchRequest, PatchResponse>(error).handler });
const silent: Script = { patch: () => undefined, override: () => undefined };

describe('PolicyClient after a write that was not answered', () => {
  const keep = closeAfterEach();

  const serve = async (script: Script): Promise<ScriptedServer> =>
    keep(await startScriptedServer(script), (it) => it.close());

  async function nowhere(): Promise<string> {
    const server = await startScriptedServer({});
    await server.close();
    return server.address;
  }

  function connect(...addresses: string[]): PolicyClient {
    return keep(new PolicyClient({ addresses, deadlineMs: 600 }), (it) => {
      it.close();
    });
  }

  const failed = (client: PolicyClient, options = {}) =>
    rejection(client.patch({ maxPositions: 3 }, options), PolicyStoreError);

  it('does not take the word of another address that nothing was committed', async () => {
    const client = connect((await serve(silent)).address, (await serve(refuses(away()))).address);

    const error = await failed(client);

    expect(error).to.include({ code: 'UNAVAILABLE', reason: 'OUTCOME_UNKNOWN' });
    expect(error.message).to.include('the same request id').and.include('no write was committed');
    expect(error.cause).to.include({ reason: 'STORE_UNAVAILABLE' });
  });

  it('is in doubt also where another address is dead', async () => {
    const client = connect((await serve(silent)).address, await nowhere());

    expect(await failed(client)).to.include({ code: 'UNAVAILABLE', reason: 'OUTCOME_UNKNOWN' });
  });

  it('is in doubt where the connection was lost under it', async () => {
    let cut = (): void => undefined;
    const cutting = await serve({
      patch: () => {
        cut();
      },
    });
    cut = () => {
      cutting.cut();
    };
    const client = connect(cutting.address, (await serve(refuses(away()))).address);

    expect(await failed(client)).to.include({ code: 'UNAVAILABLE', reason: 'OUTCOME_UNKNOWN' });
  });

  it('is in doubt where the deadline ended the only try', async () => {
    const client = connect((await serve(silent)).address);

    expect(await failed(client)).to.include({ reason: 'OUTCOME_UNKNOWN' });
    expect((await failed(client, { requestId: '' })).message).to.not.include('the same request id');
    expect(await failed(client, { validateOnly: true })).to.include({ code: 'DEADLINE_EXCEEDED' });
  });

  it('takes a refusal for true', async () => {
    const refusing = await serve(refuses(new PolicyError('VERSION_MISMATCH', 'changed since')));
    const client = connect((await serve(silent)).address, refusing.address);

    expect(await failed(client)).to.include({ code: 'ABORTED', reason: 'VERSION_MISMATCH' });
  });

  it('keeps the error of tries that were all refused or never sent', async () => {
    const client = connect(await nowhere(), (await serve(refuses(away()))).address);

    expect(await failed(client)).to.include({ code: 'UNAVAILABLE', reason: 'STORE_UNAVAILABLE' });
  });

  it('says of each address of an override whether it may have taken it', async () => {
    let calls = 0;
    const forgetful = await serve({
      override: (call, done) => {
        calls += 1;
        if (calls === 1) forgetful.cut();
        else refusing.handler(call, done);
      },
    });
    const refusing = answering<OverrideRequest, OverrideResponse>(away());
    const refusingOnly = await serve({ override: refusing.handler });
    const taking = await serve({
      override: answering<OverrideRequest, OverrideResponse>(
        OverrideResponse.fromPartial({ version: { epoch: 'e1', revision: 5 } }),
      ).handler,
    });
    const addresses = [(await serve(silent)).address, forgetful.address, refusingOnly.address];

    const error = await rejection(connect(...addresses).override({ reason: 'drawdown' }), PolicyStoreError);
    calls = 0;
    const result = await connect(...addresses, taking.address).override({ reason: 'drawdown' });

    expect(error).to.include({ code: 'UNAVAILABLE', reason: 'OUTCOME_UNKNOWN' });
    expect(result.addresses.map((each) => each.error?.reason)).to.deep.equal([
      'OUTCOME_UNKNOWN',
      'OUTCOME_UNKNOWN',
      'STORE_UNAVAILABLE',
      undefined,
    ]);
  });
});
