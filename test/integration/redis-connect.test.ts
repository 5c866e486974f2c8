import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect } from 'chai';

import { createRedisStore } from '../../server/src/store/redis/store.js';
import { GENESIS, StoreUnavailable, StoreUnusable, type PolicyStore } from '../../server/src/store/store.js';
import { commitOk, following, idsOf } from '../conformance/harness.js';
import { freePort } from '../support/process.js';
import { startRedis, type RedisServer } from '../support/redis.js';
import { rejection } from '../support/rejection.js';
import { chain, entry, headOf, uniqueNamespace } from '../support/store-builders.js';
import { startProxy } from '../support/tcp-proxy.js';

const BOUNDS = { maxEntries: 10_000, maxBytes: 1e8 };

describe('Redis: connecting', () => {
  let server: RedisServer;
  const stores: PolicyStore[] = [];

  before(async () => {
    server = await startRedis();
  });
  after(() => server.close());
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
  });

  function open(url: string): PolicyStore {
    const store = createRedisStore(url, BOUNDS, { commandTimeoutMs: 500 });
    stores.push(store);
    return store;
  }

  async function user(name: string, ...rules: string[]): Promise<string> {
    await server.client.call('ACL', 'SETUSER', name, 'reset', 'on', '>p@ss', ...rules);
    return `redis://${name}:p%40ss@${server.host}:${server.port}`;
  }

  it('passes without a word where every acknowledged change is kept', async () => {
    expect(await open(server.url).connect()).to.deep.equal([]);
  });

  const RISKY: [setting: string, value: string, warning: RegExp][] = [
    ['appendonly', 'no', /acknowledged changes are lost when Redis restarts\. Set appendonly yes\./],
    ['appendfsync', 'everysec', /up to 1 s of acknowledged changes may be lost\. Set appendfsync always\./],
    ['appendfsync', 'no', /at a power loss all that the system had not written/],
    ['maxmemory-policy', 'allkeys-lru', /may throw the policy away .* Set noeviction\./],
  ];
  for (const [setting, value, warning] of RISKY) {
    it(`warns of ${setting} ${value}`, async () => {
      const [, before = ''] = await server.client.config('GET', setting);
      await server.client.config('SET', setting, value);
      const warnings = await open(server.url).connect();
      await server.client.config('SET', setting, before);
      expect(warnings).to.have.length(1);
      expect(warnings[0]).to.match(warning).and.include(`127.0.0.1:${server.port}`);
    });
  }

  it('works with no more rights than its own message names, and says what it could not check', async () => {
    const url = await user(
      'least',
      '~{policy:*',
      ...['+@read', '+@write', '+@scripting', '+@connection', '+time', '+info'],
    );
    const store = open(url);
    const warnings = await store.connect();
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.match(
      /denies CONFIG: whether acknowledged changes survive a restart was not checked/,
    );
    const namespace = uniqueNamespace();
    const [first, next] = chain(GENESIS, 2, () => ({ writes: [['f', '1']] }));
    const follower = following(store, namespace);
    await commitOk(store, namespace, GENESIS, [first!]);
    await commitOk(store, namespace, headOf(first!), [{ ...next!, writes: [['f', null]] }]);
    expect(idsOf(await follower.entries(2))).to.deep.equal(idsOf([first!, next!]));
    await follower.stop();
    expect((await store.load(namespace, BOUNDS))?.fields.size).to.equal(0);
    expect(await store.changes(namespace, { from: 1, to: 2 })).to.have.length(2);

    const waiting = open(`${url}?wait=1`);
    await rejection(waiting.commit(namespace, headOf(next!), []), StoreUnavailable);
  });

  it('does without CONFIG, and names the grant where INFO is denied', async () => {
    const sighted = await user('sighted', '~{policy:*', '+@all', '-@dangerous', '+info');
    expect(await open(sighted).connect()).to.have.length(1);
    const store = open(await user('blind', '~{policy:*', '+@all', '-@dangerous'));
    const namespace = uniqueNamespace();
    for (const call of [store.connect(), store.commit(namespace, GENESIS, [entry(GENESIS)])]) {
      expect((await rejection(call, StoreUnusable)).message).to.match(/NOPERM.*'info'.*Grant: .*\+info/);
    }
  });

  it('does without commands that were renamed away', async () => {
    const renamed = await startRedis({ config: ['--rename-command', 'CONFIG', ''] });
    const warnings = await open(renamed.url).connect();
    expect(warnings[0]).to.match(/denies CONFIG/);
    await renamed.close();

    const lame = await startRedis({
      config: ['--rename-command', 'EVAL', '', '--rename-command', 'EVALSHA', ''],
    });
    const refused = await rejection(open(lame.url).load(uniqueNamespace(), BOUNDS), StoreUnusable);
    expect(refused.message).to.include('do not rename or disable it');
    await lame.close();

    const halt = await startRedis({ config: ['--rename-command', 'HMGET', ''] });
    const inScript = await rejection(open(halt.url).load(uniqueNamespace(), BOUNDS), StoreUnusable);
    expect(inScript.message).to.include('do not rename or disable it');
    await halt.close();
  });

  it('names the grant that a user lacks, in every call', async () => {
    const url = await user('poor', '~{policy:*', '+@all', '-evalsha', '-eval', '-hmget', '-xread');
    const store = open(url);
    await store.connect();
    const calls = [
      store.commit(uniqueNamespace(), GENESIS, [entry(GENESIS)]),
      store.load(uniqueNamespace(), BOUNDS),
      store.changes(uniqueNamespace(), { from: 1, to: 2 }),
      following(store, uniqueNamespace()).ended,
    ];
    for (const error of await Promise.all(calls.map((call) => rejection(call, StoreUnusable)))) {
      expect(error.message)
        .to.match(/NOPERM.*ACL SETUSER/)
        .and.not.include('p@ss');
    }
    const inScript = open(await user('half', '~{policy:*', '+@all', '-hmget'));
    expect((await rejection(inScript.load(uniqueNamespace(), BOUNDS), StoreUnusable)).message).to.match(
      /executing the script.*ACL SETUSER/,
    );
    const elsewhere = open(await user('elsewhere', '~other:*', '+@all'));
    const error = await rejection(elsewhere.load(uniqueNamespace(), BOUNDS), StoreUnusable);
    expect(error.message).to.include('~{policy:*');
  });

  it('shows no password that Redis repeats in its answer', async () => {
    const renamed = await startRedis({ config: ['--rename-command', 'AUTH', 'LOGIN'] });
    const store = open(`redis://u:s3cr3t@${renamed.host}:${renamed.port}`);
    const { message } = await rejection(store.connect(), StoreUnusable);
    expect(message)
      .to.match(/unknown command 'AUTH'/)
      .and.to.not.include('s3cr3t');
    await renamed.close();
  });

  it('says which credentials are wrong, and never what they are', async () => {
    const closed = await startRedis({ password: 's3cr3t' });
    const at = `${closed.host}:${closed.port}`;
    const CASES: [url: string, message: RegExp][] = [
      [`redis://${at}`, /wants a password/],
      [`redis://:wr0ng@${at}`, /does not accept the user name and password/],
      [`redis://nobody:wr0ng@${at}`, /does not accept the user name and password/],
      [`redis://:wr0ng@${server.host}:${server.port}`, /take the password out of POLICY_STORE/],
      [`redis://${server.host}:${server.port}/9999`, /does not have the database/],
    ];
    for (const [url, message] of CASES) {
      const store = open(url);
      for (const call of [store.connect(), store.commit(uniqueNamespace(), GENESIS, [])]) {
        const error = await rejection(call, StoreUnusable);
        expect(error.message)
          .to.match(message)
          .and.not.match(/wr0ng|s3cr3t/);
        expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.to.match(/wr0ng|s3cr3t/);
      }
    }
    expect(await open(`redis://:s3cr3t@${at}`).connect()).to.deep.equal([]);
    await closed.close();
  });

  it('writes to the database that the URL names', async () => {
    const namespace = uniqueNamespace();
    await commitOk(open(`${server.url}/3`), namespace, GENESIS, [entry(GENESIS)]);
    expect(await open(server.url).load(namespace, BOUNDS)).to.equal(undefined);
    expect(await open(`${server.url}/3`).load(namespace, BOUNDS)).not.to.equal(undefined);
  });

  it('gives up soon where nobody listens, nobody answers, or the name is unknown', async () => {
    const proxy = await startProxy(server);
    proxy.blackhole(true);
    const CASES: [url: string, message: RegExp][] = [
      [`redis://127.0.0.1:${await freePort()}`, /cannot be reached \(ECONNREFUSED\): start it, or correct/],
      [`redis://127.0.0.1:${proxy.port}`, /no reply within 500 ms/],
      [`redis://no-such-host.invalid`, /cannot be reached \((ENOTFOUND|EAI_AGAIN)\)/],
    ];
    for (const [url, message] of CASES) {
      const store = open(url);
      const error = await rejection(store.connect(), StoreUnavailable);
      expect(error.message).to.match(message);
    }
    await proxy.close();
  });

  it('speaks TLS with rediss:// and says what is wrong with a certificate', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'policystore-tls-'));
    const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
    await promisify(execFile)('openssl', [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=localhost'],
      ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
    ]);
    const tlsPort = await freePort();
    const secure = await startRedis({
      config: [
        ...['--tls-port', String(tlsPort), '--tls-cert-file', cert, '--tls-key-file', key],
        ...['--tls-auth-clients', 'no'],
      ],
    });
    const refused = await rejection(open(`rediss://127.0.0.1:${tlsPort}`).connect(), StoreUnusable);
    expect(refused.message).to.match(/TLS failed \(\w*SELF_SIGNED_CERT\).*NODE_EXTRA_CA_CERTS/);
    await rejection<Error>(open(`rediss://127.0.0.1:${secure.port}`).connect(), Error);

    // Node reads NODE_EXTRA_CA_CERTS only when it starts.
    const source = new URL('../../server/src/store/redis/store.ts', import.meta.url).href;
    const script = `const { createRedisStore } = await import(${JSON.stringify(source)});
      const store = createRedisStore('rediss://127.0.0.1:${tlsPort}', { maxEntries: 1, maxBytes: 1 });
      console.log(JSON.stringify(await store.connect()));
      await store.close();`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import=tsx', '--input-type=module', '--eval', script],
      { env: { ...process.env, NODE_EXTRA_CA_CERTS: cert } },
    );
    expect(JSON.parse(stdout)).to.deep.equal([]);
    await secure.close();
    await rm(dir, { recursive: true });
  });
});
