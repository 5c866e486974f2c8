import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { status } from '@grpc/grpc-js';
import {
  GetRequest,
  PatchRequest,
  PolicyPatch,
  PolicyServiceService as methods,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { checkHealth } from '../support/health.js';
import { freePort, startProcess, until } from '../support/process.js';
import { startRedis } from '../support/redis.js';
import {
  ask,
  connect,
  failure,
  FREE_PORTS,
  serverProgram,
  spawnServer,
  startServer,
  watch,
} from '../support/server.js';

const PACKAGE = 'quantumtrader.policy.v1';

describe('a server process', () => {
  const folders: string[] = [];
  const folder = async (): Promise<string> => {
    const dir = await mkdtemp(join(tmpdir(), 'policystore-server-'));
    folders.push(dir);
    return dir;
  };
  after(() => Promise.all(folders.map((dir) => rm(dir, { recursive: true }))));

  /** Runs a server that must end by itself. */
  async function runToEnd(
    env: Record<string, string>,
    flags: string[] = [],
  ): Promise<{ code: number | null; output: string }> {
    const settings = { POLICY_STORE: 'memory:', ...FREE_PORTS, ...env };
    const server = await startProcess({
      ...serverProgram(settings, flags),
      answers: () => Promise.resolve(),
    });
    const code = await server.exited;
    return { code, output: server.output };
  }

  it('ends with 2 and every problem when its settings are bad', async () => {
    const { code, output } = await runToEnd({ POLICY_LEASE: 'soon', QT_RISK_MODE: 'WILD' });
    expect(code).to.equal(2);
    expect(output).to.include('POLICY_LEASE (--lease): "soon"').and.to.include('QT_RISK_MODE');
  });

  it('ends with 2 for a flag that it does not know, suggesting one', async () => {
    const { code, output } = await runToEnd({}, ['--leese', '1s']);
    expect(code).to.equal(2);
    expect(output).to.include('--lease');
  });

  for (const url of [
    'redis://:secret@host:99999',
    'redis://host?password=secret',
    'sqlite:p.db?key=secret',
  ]) {
    it(`ends with 2 for ${url}, which its store cannot use, without the secret`, async () => {
      const { code, output } = await runToEnd({ POLICY_STORE: url });
      expect(code).to.equal(2);
      expect(output).to.include('POLICY_STORE').and.to.not.include('secret');
    });
  }

  it('shows no value of a flag that it does not know', async () => {
    for (const flag of ['--stroe=redis://u:secret@h', "--stroe='secret'", '-Sredis://u:secret@h']) {
      const { code, output } = await runToEnd({}, [flag]);
      expect(code).to.equal(2);
      expect(output).to.include('unknown option').and.to.not.include('secret');
    }
  });

  it('prints help and version, and ends with 0', async () => {
    const help = await runToEnd({}, ['--help']);
    expect(help.code).to.equal(0);
    for (const text of [
      '--store <url>',
      'POLICY_STORE',
      'sqlite:data/policy.db',
      'QT_CONFIDENCE_THRESHOLD',
    ]) {
      expect(help.output).to.include(text);
    }
    const version = await runToEnd({}, ['--version']);
    expect(version).to.deep.include({ code: 0, output: '0.1.0\n' });
  });

  it('ends with 1 when its port is taken, naming the setting', async () => {
    const other = await listen();
    const { port } = other.address() as { port: number };
    const { code, output } = await runToEnd({ POLICY_GRPC_ADDR: `127.0.0.1:${port}` });
    other.close();
    expect(code).to.equal(1);
    expect(output).to.include(`127.0.0.1:${port}`).and.to.include('POLICY_GRPC_ADDR');
  });

  it('ends with 1 when its store cannot be used by anybody', async () => {
    const { code, output } = await runToEnd({ POLICY_STORE: 'sqlite:/dev/null/policy.db' });
    expect(code).to.equal(1);
    expect(output).to.include('/dev/null/policy.db');
  });

  it('prints its settings at the start, and what looks like one and is none', async () => {
    const server = await spawnServer({ POLICY_LEASES: '1s', POLICY_NAMESPACES: 'live' });
    await server.stop();
    expect(server.output).to.include('"POLICY_NAMESPACES":"live"').and.to.include('"QT_MAX_POSITIONS":"5"');
    expect(server.output).to.include('did you mean POLICY_LEASE?');
  });

  it('warns at every start that an exposed address is open to everybody', async () => {
    const server = await spawnServer({ POLICY_GRPC_ADDR: '0.0.0.0:0', POLICY_INSECURE: '1' });
    await server.stop();
    expect(server.output).to.include('whoever reaches it can change the policy');
  });

  it('says what would surprise: settings that an existing policy ignores, and that nothing may trade', async () => {
    const store = `sqlite:${join(await folder(), 'policy.db')}`;
    const first = await spawnServer({ POLICY_STORE: store, QT_RISK_MODE: 'DEFENSIVE' });
    await first.stop();
    expect(first.output).to.include('policy created').and.to.not.include('ignored');
    expect(first.output).to.include('nothing may trade: allowed_strategies and allowed_symbols are empty');
    const second = await spawnServer({
      POLICY_STORE: store,
      QT_RISK_MODE: 'NORMAL',
      POLICY_INITIAL: 'aggressive',
    });
    await second.stop();
    expect(second.output).to.include('QT_RISK_MODE ignored: the policy exists at revision 1');
    expect(second.output).to.include('POLICY_INITIAL ignored: the policy exists at revision 1');
  });

  it('tells its streams SHUTTING_DOWN on SIGTERM and ends with 0', async () => {
    const server = await spawnServer();
    const client = connect(server.address);
    const streams = Array.from({ length: 5 }, () => watch(client));
    await Promise.all(streams.map((stream) => stream.next()));
    const ended = Promise.all(streams.map((stream) => failure(stream.next())));
    await server.stop();
    for (const each of await ended) {
      expect(each).to.include({ code: status.UNAVAILABLE, reason: 'SHUTTING_DOWN' });
    }
    expect(await server.exited).to.equal(0);
    client.close();
  });

  it('takes two signals at once for one, as make passes them on', async () => {
    const server = await spawnServer();
    const client = connect(server.address);
    // A health watch does not end by itself, so the server is still stopping when the second signal comes.
    const health = client.makeServerStreamRequest(
      '/grpc.health.v1.Health/Watch',
      () => Buffer.alloc(0),
      (message: Buffer) => message,
      {},
    );
    health.on('error', () => undefined);
    await new Promise((resolve) => health.once('data', resolve));
    process.kill(server.pid, 'SIGTERM');
    await until(() => Promise.resolve(server.output.includes('shutting down')));
    process.kill(server.pid, 'SIGHUP');
    expect(await server.exited).to.equal(0);
    client.close();
  });

  it('answers what it was asked before SIGTERM, and commits it', async () => {
    const store = `sqlite:${join(await folder(), 'policy.db')}`;
    const server = await spawnServer({ POLICY_STORE: store });
    const client = connect(server.address);
    const writes = Array.from({ length: 50 }, (_, i) => {
      const patch = { ...PolicyPatch.create(), maxPositions: 10 + i };
      return ask(client, methods.patch, { ...PatchRequest.create(), patch }).then(
        ({ version }) => version?.revision ?? 0,
        () => 0,
      );
    });
    await Promise.race(writes);
    await server.stop();
    const acknowledged = Math.max(...(await Promise.all(writes)));
    client.close();
    const next = await spawnServer({ POLICY_STORE: store });
    const again = connect(next.address);
    const { version } = await ask(again, methods.get, GetRequest.create());
    again.close();
    await next.stop();
    expect(version?.revision).to.be.at.least(acknowledged);
    expect(acknowledged).to.be.greaterThan(1);
  });

  it('ends though a reader has stopped and a health watch never ends', async () => {
    const server = await spawnServer();
    const client = connect(server.address);
    const health = client.makeServerStreamRequest(
      '/grpc.health.v1.Health/Watch',
      () => Buffer.alloc(0),
      (bytes) => bytes,
      {},
    );
    health.on('error', () => undefined);
    await once(health, 'data');
    const stopped = watch(client);
    await stopped.next();
    const put = new Map(Array.from({ length: 10_000 }, (_, i) => [`SYMBOL${i}`, 0.5]));
    for (const score of [0.1, 0.2, 0.3]) {
      put.set('SYMBOL0', score);
      const patch = { ...PolicyPatch.create(), oppRankings: { clear: true, remove: [], put } };
      await ask(client, methods.patch, { ...PatchRequest.create(), patch });
    }
    await server.stop();
    expect(await server.exited).to.equal(0);
    stopped.cancel();
    client.close();
  });

  it('waits for a Redis that is away: up, NOT_SERVING, saying where and why, then serving', async () => {
    const port = await freePort();
    const server = await spawnServer({ POLICY_STORE: `redis://127.0.0.1:${port}` }, { ready: false });
    const client = connect(server.address);
    expect(await checkHealth(client)).to.equal('NOT_SERVING');
    const refusal = await failure(ask(client, methods.get, GetRequest.create()));
    expect(refusal).to.include({ code: status.UNAVAILABLE, reason: 'STORE_UNAVAILABLE' });
    expect(refusal.retryAfterMs).to.be.greaterThan(0);
    await until(() => Promise.resolve(server.output.includes('the store cannot be reached')));
    expect(server.output).to.include(`127.0.0.1:${port}`).and.to.include('POLICY_STORE');
    await server.stop();
    expect(await server.exited).to.equal(0);
    client.close();
  });

  it('serves as soon as its Redis answers', async () => {
    const redis = await startRedis();
    await redis.kill();
    const server = await spawnServer({ POLICY_STORE: redis.url }, { ready: false });
    const client = connect(server.address);
    expect(await checkHealth(client, `${PACKAGE}.PolicyService`)).to.equal('NOT_SERVING');
    await redis.restart();
    await until(async () => (await checkHealth(client)) === 'SERVING');
    const { policy } = await ask(client, methods.get, GetRequest.create());
    expect(policy).to.not.equal(undefined);
    await server.stop();
    client.close();
    await redis.close();
  });
});

describe('health', () => {
  it('is serving once the store was reached, as a whole and by service', async () => {
    const server = await startServer();
    for (const service of ['', `${PACKAGE}.PolicyService`, `${PACKAGE}.HistoryService`]) {
      expect(await checkHealth(server.client, service)).to.equal('SERVING');
    }
    const unknown = await checkHealth(server.client, 'no.Such').then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(unknown).to.include({ code: status.NOT_FOUND });
    await server.close();
  });
});

async function listen(): Promise<Server> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
