import { execFile } from 'node:child_process';
import { chmod, chown, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect } from 'chai';

import { createPostgresStore } from '../../server/src/store/postgres/store.js';
import { GENESIS, StoreUnusable, type PolicyStore } from '../../server/src/store/store.js';
import { commitOk, ROOMY } from '../conformance/harness.js';
import { closeAfterAll, closeAfterEach } from '../support/closing.js';
import { postgresUser } from '../support/postgres-programs.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { rejection } from '../support/rejection.js';
import { entry, uniqueNamespace } from '../support/store-builders.js';

const HBA = `
host all postgres 127.0.0.1/32 trust
hostssl all secure 127.0.0.1/32 trust
hostssl all holder 127.0.0.1/32 cert
`;

describe('PostgreSQL: TLS', () => {
  const keep = closeAfterEach();
  const keepForAll = closeAfterAll();
  let server: PostgresServer;
  let dir: string;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'policystore-tls-'));
    keepForAll(dir, () => rm(dir, { recursive: true }));
    await chmod(dir, 0o755);
    await authority('ours');
    await authority('theirs');
    await certificate('server', 'ours', 'localhost');
    await certificate('holder', 'ours', 'holder');
    await certificate('other', 'ours', 'other');
    await certificate('forged', 'theirs', 'holder');
    await writeFile(inDir('pg_hba.conf'), HBA);
    // PostgreSQL takes a key only if nobody else can read it.
    await copyFile(inDir('server.key'), inDir('private.key'));
    await chmod(inDir('private.key'), 0o600);
    const user = postgresUser();
    if (user) await chown(inDir('private.key'), user.uid, user.gid);
    const files = {
      hba_file: 'pg_hba.conf',
      ssl_cert_file: 'server.pem',
      ssl_key_file: 'private.key',
      ssl_ca_file: 'ours.pem',
    };
    const config = Object.entries(files).map(([setting, name]) => `${setting}=${inDir(name)}`);
    server = keepForAll(await startPostgres({ config: ['ssl=on', ...config] }), (each) => each.close());
    await server.query('CREATE ROLE secure SUPERUSER LOGIN; CREATE ROLE holder SUPERUSER LOGIN');
  });

  function inDir(name: string): string {
    return join(dir, name);
  }

  async function openssl(...args: string[]): Promise<void> {
    await promisify(execFile)('openssl', args, { cwd: dir });
  }

  async function authority(name: string): Promise<void> {
    await openssl(
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', `/CN=${name}`],
      ...['-keyout', `${name}.key`, '-out', `${name}.pem`],
    );
  }

  /** A certificate of this name, issued by an authority. */
  async function certificate(file: string, issuer: string, name: string): Promise<void> {
    await openssl(
      ...['req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`],
      ...['-addext', `subjectAltName=DNS:${name}`, '-keyout', `${file}.key`, '-out', `${file}.csr`],
    );
    await openssl(
      ...['x509', '-req', '-days', '1', '-copy_extensions', 'copy', '-in', `${file}.csr`],
      ...['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-out', `${file}.pem`],
    );
  }

  function open(user: string, host: string, parameters: string): PolicyStore {
    const files = parameters.replace(/\b\w+\.(pem|key)\b/g, (name) => encodeURIComponent(inDir(name)));
    const url = `postgres://${user}@${host}:${server.port}/postgres?${files}`;
    return keep(createPostgresStore(url, ROOMY), (store) => store.close());
  }

  const IN: [user: string, host: string, parameters: string][] = [
    ['secure', '127.0.0.1', 'sslmode=require'],
    ['secure', '127.0.0.1', 'sslmode=require&sslrootcert=ours.pem'],
    ['secure', '127.0.0.1', 'sslmode=verify-ca&sslrootcert=ours.pem'],
    ['secure', 'localhost', 'sslmode=verify-full&sslrootcert=ours.pem'],
    ['holder', 'localhost', 'sslmode=verify-full&sslrootcert=ours.pem&sslcert=holder.pem&sslkey=holder.key'],
  ];
  for (const [user, host, parameters] of IN) {
    it(`lets ${user} in at ${host} with ${parameters}`, async () => {
      const store = open(user, host, parameters);
      expect(await store.connect()).to.deep.equal([]);
      await commitOk(store, uniqueNamespace(), GENESIS, [entry(GENESIS)]);
      const sessions = await server.query<{ ssl: boolean }>(
        `SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = '${user}'`,
      );
      expect(sessions).to.have.length.at.least(2);
      expect(sessions.every(({ ssl }) => ssl)).to.equal(true);
    });
  }

  const OUT: [user: string, host: string, parameters: string, message: RegExp][] = [
    ['secure', 'localhost', 'sslmode=disable', /no encryption.*sslmode=verify-full/],
    ['secure', 'localhost', 'sslmode=verify-full', /TLS with .* failed .*name the authority .* sslrootcert/],
    [
      'secure',
      'localhost',
      'sslmode=verify-full&sslrootcert=theirs.pem',
      /name the authority .* sslrootcert/,
    ],
    ['secure', 'localhost', 'sslmode=require&sslrootcert=theirs.pem', /name the authority .* sslrootcert/],
    ['secure', '127.0.0.1', 'sslmode=verify-full&sslrootcert=ours.pem', /127\.0\.0\.1.*connect by a name/],
    ['holder', 'localhost', 'sslmode=require', /requires a valid client certificate.*sslcert/],
    ['holder', 'localhost', 'sslmode=require&sslcert=other.pem&sslkey=other.key', /ertificate auth.*sslcert/],
    [
      'holder',
      'localhost',
      'sslmode=require&sslcert=forged.pem&sslkey=forged.key',
      /ALERT_UNKNOWN_CA.*correct sslcert/,
    ],
  ];
  for (const [user, host, parameters, message] of OUT) {
    it(`says how to let ${user} in at ${host} with ${parameters}`, async () => {
      const store = open(user, host, parameters);
      for (const call of [store.connect(), store.commit('n', GENESIS, [])]) {
        expect((await rejection(call, StoreUnusable)).message).to.match(message);
      }
    });
  }
});
