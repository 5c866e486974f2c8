import { connect as connectHttp2, constants, type IncomingHttpHeaders } from 'node:http2';

import { status } from '@grpc/grpc-js';
import {
  GetRequest,
  ListValue,
  PatchRequest,
  PolicyPatch,
  PolicyServiceService as methods,
  RankingsPatch,
  WatchRequest,
} from '@policystore/client/proto';
import { expect } from 'chai';

import {
  ask,
  type Failure,
  failure,
  rawBytes,
  startServer,
  type TestServer,
  watch,
} from '../support/server.js';

describe('hostile requests', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.close());

  const send = (bytes: Uint8Array): Promise<Failure> =>
    failure(ask(server.client, rawBytes(methods.patch), Buffer.from(bytes)));
  const sendPatch = (patch: Partial<PolicyPatch>): Promise<Failure> =>
    send(
      PatchRequest.encode({
        ...PatchRequest.create(),
        patch: { ...PolicyPatch.create(), ...patch },
      }).finish(),
    );

  let revision: number | undefined;
  beforeEach(async () => {
    revision = (await ask(server.client, methods.get, GetRequest.create())).version?.revision;
  });
  afterEach('change nothing and leave the server serving', async () => {
    const { version } = await ask(server.client, methods.get, GetRequest.create());
    expect(version?.revision).to.equal(revision);
    expect(server.log.filter(({ level }) => level >= 50)).to.deep.equal([]);
  });

  const malformed: [what: string, bytes: number[]][] = [
    ['a length beyond the end', [0x12, 0x7f, 0x01]],
    ['a varint that never ends', Array.from({ length: 32 }, () => 0xff)],
    ['an illegal wire type', [0x0f, 0x01]],
    ['text that is no UTF-8', [0x0a, 0x02, 0xc3, 0x28]],
    // expected_version.revision = 2^62
    ['a number beyond 2^53', [0x1a, 0x0a, 0x10, ...Array.from({ length: 8 }, () => 0x80), 0x40]],
  ];
  for (const [what, bytes] of malformed) {
    it(`are refused as malformed: ${what}`, async () => {
      const refusal = await send(Buffer.from(bytes));
      expect(refusal).to.include({ code: status.INVALID_ARGUMENT, reason: 'MALFORMED_REQUEST' });
    });
  }

  it('are refused as malformed in Get and Watch too', async () => {
    const bytes = Buffer.from([0x0a, 0x7f]);
    expect(await failure(ask(server.client, rawBytes(methods.get), bytes))).to.include({
      reason: 'MALFORMED_REQUEST',
    });
    const { path, responseDeserialize } = methods.watch;
    const stream = server.client.makeServerStreamRequest(
      path,
      (raw: Buffer) => raw,
      responseDeserialize,
      bytes,
    );
    const ended = new Promise((_, reject) => stream.on('error', reject));
    expect(await failure(ended)).to.include({ reason: 'MALFORMED_REQUEST' });
  });

  it('are refused as malformed where a struct is nested beyond sense', async () => {
    let deep: unknown = true;
    for (let i = 0; i < 200; i += 1) deep = [deep];
    expect(ListValue.encode({ values: [deep] }).finish().length).to.be.greaterThan(200);
    const refusal = await sendPatch({ customParams: { deep } });
    expect(refusal.reason).to.be.oneOf(['MALFORMED_REQUEST', 'VALIDATION_FAILED']);
  });

  for (const key of ['__proto__', 'constructor', 'prototype']) {
    it(`cannot smuggle ${key} as a key, at any depth`, async () => {
      const hostile = Object.create(null) as Record<string, unknown>;
      hostile[key] = { polluted: true };
      const refusal = await sendPatch({
        customParams: { a: { b: [hostile] } },
        systemHealth: hostile,
        oppRankings: { clear: false, remove: [], put: new Map([[key, 0.5]]) },
        modelVersions: { clear: false, remove: [], put: new Map([[key, 'v']]) },
      });
      expect(refusal).to.include({ code: status.INVALID_ARGUMENT, reason: 'VALIDATION_FAILED' });
      expect(refusal.fields.map((field) => field.split('.')[0]).sort()).to.deep.equal([
        'custom_params',
        'model_versions',
        'opp_rankings',
        'system_health',
      ]);
      expect(Object.prototype).to.not.have.property('polluted');
    });
  }

  it('cannot hold the process with 200,000 map entries', async () => {
    const put = new Map(Array.from({ length: 200_000 }, (_, i) => [i.toString(36), 0.5]));
    const payload = RankingsPatch.encode({ clear: false, remove: [], put }).finish();
    expect(payload.length).to.be.lessThan(4 * 1024 * 1024);
    const refusal = await sendPatch({ oppRankings: { clear: false, remove: [], put } });
    expect(refusal).to.include({ code: status.INVALID_ARGUMENT, reason: 'VALIDATION_FAILED' });
  });

  it('cannot put more than 10,000 entries into a map, and learn its name', async () => {
    const put = new Map(Array.from({ length: 10_001 }, (_, i) => [i.toString(36), 0.5]));
    const refusal = await sendPatch({ oppRankings: { clear: false, remove: [], put } });
    expect(refusal.fields).to.deep.equal(['opp_rankings.put']);
  });

  it('are refused above 4 MiB before they are read', async () => {
    const call = ask(server.client, rawBytes(methods.patch), Buffer.alloc(5 * 1024 * 1024));
    const error = await call.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.include({ code: status.RESOURCE_EXHAUSTED });
  });

  it('are refused where Get or Watch is larger than it can be', async () => {
    const bytes = Buffer.from(
      WatchRequest.encode(WatchRequest.create({ fields: ['x'.repeat(70_000)] })).finish(),
    );
    expect(await failure(ask(server.client, rawBytes(methods.get), bytes))).to.include({
      reason: 'MALFORMED_REQUEST',
    });
    const refusal = await failure(watch(server.client, { fields: ['x'.repeat(70_000)] }).next());
    expect(refusal).to.include({ reason: 'MALFORMED_REQUEST' });
  });

  it('are anonymous where the name of their caller is no text', async () => {
    const trailers = await rawCall(server.address, { 'x-policy-client': 'caf\u00e9' });
    expect(trailers['grpc-status']).to.equal(String(status.OK));
  });

  it('cannot exhaust the server with endless headers', async () => {
    const headers = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`x-${i}`, 'y'.repeat(4096)]));
    const error = await rawCall(server.address, headers).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.be.an('error');
  });
});

/** A Patch without content, over HTTP/2 as it is: gRPC clients refuse to send some headers. */
function rawCall(address: string, headers: Record<string, string>): Promise<IncomingHttpHeaders> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://${address}`);
    session.on('error', reject);
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: methods.patch.path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    let received: IncomingHttpHeaders = {};
    stream.on('response', (response) => {
      received = { ...received, ...response };
    });
    stream.on('trailers', (trailers: IncomingHttpHeaders) => {
      received = { ...received, ...trailers };
    });
    stream.on('error', (error: Error) => {
      session.destroy();
      reject(error);
    });
    stream.on('end', () => {
      session.close();
      if (received['grpc-status'] === undefined) reject(new Error('the call was cut off'));
      else resolve(received);
    });
    stream.resume();
    stream.end(Buffer.from([0, 0, 0, 0, 0]));
  });
}
