import { type ChannelCredentials, credentials, status } from '@grpc/grpc-js';
import {
  FleetServiceService as fleet,
  GetRequest,
  HistoryServiceService as history,
  ListChangesRequest,
  ListWatchersRequest,
  PatchRequest,
  PolicyPatch,
  type PolicyServiceClient,
  PolicyServiceService as methods,
  WaitAppliedRequest,
} from '@policystore/client/proto';
import { expect } from 'chai';

import {
  type ServerReflectionResponse,
  ServerReflectionService,
} from '../../server/src/grpc/gen/grpc/reflection/v1/reflection.js';
import { createAuthority } from '../support/certificates.js';
import { closeAfterEach } from '../support/closing.js';
import { checkHealth } from '../support/health.js';
import { until } from '../support/process.js';
import { rejection } from '../support/rejection.js';
import { bearer, secure, type Secured } from '../support/secured.js';
import { ask, connect, failure, metadataOf, startServer, type TestServer, watch } from '../support/server.js';
import { startProxy } from '../support/tcp-proxy.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const patch = { ...PatchRequest.create(), patch: { ...PolicyPatch.create(), maxPositions: 3 } };

describe('identity over gRPC with TLS', () => {
  const directory = temporaryDirectory();
  const keep = closeAfterEach();
  let secured: Secured;
  let server: TestServer;

  beforeEach(async () => {
    secured = await secure(directory.path);
  });

  async function start(): Promise<void> {
    server = keep(await secured.start(), (each) => each.close());
  }

  function client(security: ChannelCredentials): PolicyServiceClient {
    return keep(connect(server.address, security), (each) => {
      each.close();
    });
  }

  const get = (by: PolicyServiceClient, headers = {}) => ask(by, methods.get, GetRequest.create(), headers);

  /** Who the log says made the newest change. */
  async function writeAs(
    by: PolicyServiceClient,
    headers = {},
  ): Promise<{ actor: string; verified: boolean }> {
    await ask(by, methods.patch, patch, headers);
    const { entries } = await ask(by, history.listChanges, ListChangesRequest.create(), headers);
    const { actor = '', actorVerified = false } = entries[0]?.change ?? {};
    return { actor, verified: actorVerified };
  }

  describe('a bearer token', () => {
    it('says who acts, whatever the caller calls itself', async () => {
      const token = secured.issue('msc_ai');
      await start();
      const headers = { ...bearer(token), 'x-policy-client': 'operator' };
      expect(await writeAs(server.client, headers)).to.deep.equal({ actor: 'msc_ai', verified: true });
    });

    it('is asked of every method', async () => {
      await start();
      const calls: Record<string, Promise<unknown>> = {
        Get: get(server.client),
        Patch: ask(server.client, methods.patch, patch),
        Watch: watch(server.client).next(),
        ListNamespaces: ask(server.client, methods.listNamespaces, {}),
        ListChanges: ask(server.client, history.listChanges, ListChangesRequest.create()),
        ListWatchers: ask(server.client, fleet.listWatchers, ListWatchersRequest.create()),
      };
      for (const [name, call] of Object.entries(calls)) {
        const { code, reason, message } = await failure(call);
        expect({ code, reason }, name).to.deep.equal({
          code: status.UNAUTHENTICATED,
          reason: 'UNAUTHENTICATED',
        });
        expect(message, name).to.include('authorization: Bearer').and.to.include('client certificate');
      }
    });

    it('is not needed to ask for health, and needed for reflection', async () => {
      const token = secured.issue('msc_ai');
      await start();
      expect(await checkHealth(server.client)).to.equal('SERVING');
      expect((await failure(reflect(server.client))).reason).to.equal('UNAUTHENTICATED');
      expect(await reflect(server.client, bearer(token))).to.include('quantumtrader.policy.v1.PolicyService');
    });

    it('is refused where it is unknown, malformed, cut off, too long or expired, and never shown', async () => {
      const token = secured.issue('msc_ai');
      const old = secured.issue('msc_ai', Date.now() - 1000);
      await start();
      const refused: Record<string, [header: string, reason: string]> = {
        unknown: [`Bearer ${token.slice(0, -1)}x`, 'UNAUTHENTICATED'],
        'cut off': [`Bearer ${token.slice(0, -1)}`, 'UNAUTHENTICATED'],
        longer: [`Bearer ${token}a`, 'UNAUTHENTICATED'],
        'in another case': [`Bearer ${token.toUpperCase()}`, 'UNAUTHENTICATED'],
        'without a scheme': [token, 'UNAUTHENTICATED'],
        'of another scheme': [
          `Basic ${Buffer.from(`msc_ai:${token}`).toString('base64')}`,
          'UNAUTHENTICATED',
        ],
        empty: ['Bearer ', 'UNAUTHENTICATED'],
        'of spaces': ['', 'UNAUTHENTICATED'],
        'several in one': [`Bearer ${token}, Bearer ${token}`, 'UNAUTHENTICATED'],
        'with a quote': [`Bearer "${token}"`, 'UNAUTHENTICATED'],
        'too long': [`Bearer ${'a'.repeat(9000)}`, 'UNAUTHENTICATED'],
        'of the form of a JWT': ['Bearer eyJhbGciOiJub25lIn0.e30.', 'UNAUTHENTICATED'],
        expired: [`Bearer ${old}`, 'CREDENTIAL_EXPIRED'],
      };
      for (const [name, [authorization, reason]] of Object.entries(refused)) {
        const refusal = await failure(get(server.client, { authorization }));
        expect(refusal, name).to.include({ code: status.UNAUTHENTICATED, reason });
        expect(refusal.message, name).to.not.include(token.slice(4, 20));
      }
      expect(await get(server.client, bearer(token))).to.have.property('version');
      const log = JSON.stringify(server.log);
      expect(log).to.include('Get failed: CREDENTIAL_EXPIRED');
      for (const secret of [token, old]) expect(log).to.not.include(secret.slice(4, 20));
    });
  });

  describe('a client certificate', () => {
    it('says who acts by its URI, or else by its common name', async () => {
      await start();
      const uri = 'spiffe://firm/msc_ai';
      const byUri = client(await secured.channel({ cn: 'somebody', uris: [uri] }));
      expect(await writeAs(byUri)).to.deep.equal({ actor: uri, verified: true });
      const byName = client(await secured.channel({ cn: 'risk_guard' }));
      await ask(byName, methods.patch, { ...patch, patch: { ...PolicyPatch.create(), maxPositions: 4 } });
      const { entries } = await ask(byName, history.listChanges, ListChangesRequest.create());
      expect(entries[0]?.change).to.include({ actor: 'risk_guard', actorVerified: true });
    });

    it('counts by what an authority between vouches for, where the client sends it too', async () => {
      await start();
      const between = await secured.clients.subordinate('between');
      const own = await between.issue({ cn: 'ranker' });
      const sent = credentials.createSsl(
        Buffer.from(secured.authority.cert),
        Buffer.from(own.key),
        Buffer.from(`${own.cert}\n${between.cert}`),
      );
      expect(await writeAs(client(sent))).to.deep.equal({ actor: 'ranker', verified: true });
    });

    it('is refused by another authority', async () => {
      await start();
      const forged = client(await secured.channel({ cn: 'operator' }, await createAuthority('another')));
      expect((await failure(get(forged))).reason).to.equal('UNAUTHENTICATED');
    });

    it('is refused by another authority that took the same name, at the latest by the call', async () => {
      await start();
      const other = await createAuthority('client authority');
      const forged = client(await secured.channel({ cn: 'operator' }, other));
      const error: unknown = await get(forged).catch((reason: unknown) => reason);
      // OpenSSL ends the connection itself where the signature does not fit.
      expect(error).to.have.property('code').oneOf([status.UNAUTHENTICATED, status.UNAVAILABLE]);
    });

    it('is refused past its time', async () => {
      await start();
      const until = new Date(Date.now() - 1000);
      const late = client(await secured.channel({ cn: 'operator', until }));
      expect((await failure(get(late))).reason).to.equal('UNAUTHENTICATED');
    });

    it('is refused where it names nobody, several, or who is reserved', async () => {
      await start();
      const subjects = [{}, { uris: ['spiffe://firm/a', 'spiffe://firm/b'] }, { cn: 'system' }];
      for (const subject of subjects) {
        const { reason, message } = await failure(get(client(await secured.channel(subject))));
        expect(reason).to.equal('UNAUTHENTICATED');
        expect(message).to.include('the client certificate');
      }
    });

    it('takes no name out of another kind of name', async () => {
      await start();
      const sly = client(
        await secured.channel({ cn: 'executor', dns: ['x.example, URI:spiffe://firm/operator'] }),
      );
      expect(await writeAs(sly)).to.deep.equal({ actor: 'executor', verified: true });
    });

    it('may go while a call waits, and the server goes on', async () => {
      await start();
      const proxy = keep(await startProxy({ port: Number(server.address.split(':')[1]) }), (each) =>
        each.close(),
      );
      const security = await secured.channel({ cn: 'operator' });
      const leaving = keep(connect(`127.0.0.1:${proxy.port}`, security), (each) => {
        each.close();
      });
      const { version } = await get(leaving);
      const selector = { components: ['nobody'], instances: [] };
      const waits = ask(leaving, fleet.waitApplied, {
        ...WaitAppliedRequest.create(),
        version: { epoch: version!.epoch, revision: version!.revision + 1 },
        selector,
        timeout: { seconds: 60, nanos: 0 },
      });
      // Answered after the call above has come.
      await get(leaving);
      proxy.cut();
      await rejection(waits, Error);
      await until(async () => server.log.some(({ msg }) => msg.includes('WaitApplied abandoned')));
      expect(await checkHealth(server.client)).to.equal('SERVING');
    });

    it('is not needed by who has a token, and does not help who has a bad one', async () => {
      const token = secured.issue('msc_ai');
      await start();
      expect(await writeAs(server.client, bearer(token))).to.deep.equal({ actor: 'msc_ai', verified: true });
      const both = client(await secured.channel({ cn: 'operator' }));
      expect((await failure(get(both, bearer(`${token}x`)))).reason).to.equal('UNAUTHENTICATED');
    });
  });

  it('speaks only TLS', async () => {
    await start();
    const plain = client(credentials.createInsecure());
    const error: unknown = await get(plain).catch((reason: unknown) => reason);
    expect(error).to.have.property('code', status.UNAVAILABLE);
  });
});

describe('a server that asks nobody who calls', () => {
  const keep = closeAfterEach();

  it('records what the caller calls itself, as not verified', async () => {
    const server = keep(await startServer(), (each) => each.close());
    await ask(server.client, methods.patch, patch, { 'x-policy-client': 'operator' });
    const { entries } = await ask(server.client, history.listChanges, ListChangesRequest.create());
    expect(entries[0]?.change).to.include({ actor: 'operator', actorVerified: false });
  });
});

/** The services that reflection names. Rejects with the failure. */
function reflect(client: PolicyServiceClient, headers: Record<string, string> = {}): Promise<string[]> {
  const { path, requestSerialize, responseDeserialize } = ServerReflectionService.serverReflectionInfo;
  const stream = client.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    metadataOf(headers),
  );
  stream.write({ host: '', messageRequest: { $case: 'listServices', value: '' } });
  return new Promise((resolve, reject) => {
    stream.on('data', ({ messageResponse }: ServerReflectionResponse) => {
      if (messageResponse?.$case !== 'listServicesResponse') return;
      resolve(messageResponse.value.service.map(({ name }) => name));
      stream.end();
    });
    stream.on('error', reject);
  });
}
