import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { RiskMode } from '@policystore/client/proto';
import { expect } from 'chai';

import { BadSettings, type Config, readConfig } from '../../server/src/config/config.js';
import { warnOfUnknownSettings } from '../../server/src/config/unknown-settings.js';

/** Commander reads the process's environment, so it is replaced for the time of the call. */
function read(env: Record<string, string> = {}, ...flags: string[]): Config {
  const real = process.env;
  process.env = env;
  try {
    return readConfig(flags, '1.2.3', false);
  } finally {
    process.env = real;
  }
}

function problems(env: Record<string, string>, ...flags: string[]): string[] {
  try {
    read(env, ...flags);
  } catch (error) {
    if (error instanceof BadSettings) return error.message.split('\n');
    throw error;
  }
  throw new Error('the settings were accepted');
}

describe('the settings', () => {
  const dir = mkdtempSync(join(tmpdir(), 'policystore-config-'));
  const file = (name: string, text: string): string => {
    const path = join(dir, name);
    writeFileSync(path, text);
    return path;
  };
  after(() => rmSync(dir, { recursive: true }));

  it('have defaults that serve this machine alone, durably', () => {
    const config = read();
    expect(config.store).to.deep.equal({ scheme: 'sqlite', text: 'sqlite:data/policy.db' });
    expect(config).to.deep.include({
      grpcAddress: '127.0.0.1:50051',
      exposedWithout: undefined,
      tls: undefined,
      auth: { tokensPath: undefined, jwt: undefined, certificates: false },
      authenticates: false,
      namespaces: ['default'],
      leaseMs: 10_000,
      logBounds: { maxEntries: 100_000, maxBytes: 64 * 1024 * 1024, maxAgeMs: undefined },
      olderStore: 'heal',
      log: { level: 'info', format: 'json' },
      creationSettings: [],
    });
    expect(config.initial).to.include({
      riskMode: RiskMode.NORMAL,
      maxRiskPerTrade: 0.01,
      maxPositions: 5,
      globalMinConfidence: 0.7,
    });
  });

  it('come from the environment, and a flag wins', () => {
    const env = { POLICY_STORE: 'memory:', POLICY_LEASE: '1500ms', QT_MAX_POSITIONS: '7' };
    expect(read(env)).to.deep.include({ store: { scheme: 'memory', text: 'memory:' }, leaseMs: 1500 });
    const config = read(env, '--lease', '2m', '--qt-max-positions', '8');
    expect(config.leaseMs).to.equal(120_000);
    expect(config.defaults.maxPositions).to.equal(8);
  });

  it('take numbers in any notation, and a mode in any letter case', () => {
    const env = {
      QT_RISK_MODE: ' aggressive ',
      QT_MAX_RISK_PER_TRADE: '5e-3',
      QT_MAX_POSITIONS: '+100',
      QT_CONFIDENCE_THRESHOLD: '.5',
    };
    expect(read(env).defaults).to.deep.equal({
      riskMode: RiskMode.AGGRESSIVE,
      maxRiskPerTrade: 0.005,
      maxPositions: 100,
      globalMinConfidence: 0.5,
    });
    expect(Object.is(read({ QT_CONFIDENCE_THRESHOLD: '-0' }).defaults.globalMinConfidence, 0)).to.equal(true);
  });

  it('bound the age of the log in hours or days', () => {
    expect(read({ POLICY_LOG_MAX_AGE: '90d' }).logBounds.maxAgeMs).to.equal(90 * 24 * 3_600_000);
    expect(read({}, '--log-max-age', '1.5h').logBounds.maxAgeMs).to.equal(5_400_000);
    expect(read({ POLICY_LOG_MAX_AGE: '' }).logBounds.maxAgeMs).to.equal(undefined);
  });

  it('say what a store that comes back older means', () => {
    expect(read({ POLICY_OLDER_STORE: 'halt' }).olderStore).to.equal('halt');
    expect(read({ POLICY_OLDER_STORE: 'halt' }, '--older-store', 'heal').olderStore).to.equal('heal');
  });

  it('count an empty variable as absent', () => {
    expect(read({ POLICY_STORE: '', POLICY_INSECURE: '', QT_RISK_MODE: '' }).store.scheme).to.equal('sqlite');
  });

  it('print pretty lines on a terminal', () => {
    expect(readConfig(['--store', 'memory:'], '1.2.3', true).log.format).to.equal('pretty');
  });

  it('name those given that only a new namespace obeys', () => {
    const config = read({ QT_RISK_MODE: 'DEFENSIVE' }, '--initial', 'conservative');
    expect(config.creationSettings).to.deep.equal(['POLICY_INITIAL', 'QT_RISK_MODE']);
  });

  it('take the policy of a new namespace from a preset or a file', () => {
    expect(read({ POLICY_INITIAL: 'aggressive' }).initial.maxPositions).to.equal(15);
    const path = file('good.yaml', 'max_positions: 9\nallowed_symbols: [BTCUSDT]\n');
    expect(read({ POLICY_INITIAL: path, QT_RISK_MODE: 'defensive' }).initial).to.deep.include({
      maxPositions: 9,
      allowedSymbols: ['BTCUSDT'],
      riskMode: RiskMode.DEFENSIVE,
    });
  });

  it('allow an address that others can reach only when told so', () => {
    const nothing = 'encryption and identities';
    expect(read({ POLICY_GRPC_ADDR: '0.0.0.0:50051', POLICY_INSECURE: '1' }).exposedWithout).to.equal(
      nothing,
    );
    expect(read({}, '--grpc-addr', '[::]:0', '--insecure').exposedWithout).to.equal(nothing);
    expect(problems({ POLICY_GRPC_ADDR: '0.0.0.0:1', POLICY_INSECURE: '0' })[0]).to.include('--insecure');
    for (const local of ['localhost:0', '127.9.9.9:1', '[::1]:50051']) {
      expect(read({ POLICY_GRPC_ADDR: local }).exposedWithout, local).to.equal(undefined);
    }
  });

  const TLS = { POLICY_TLS_CERT: 'server.pem', POLICY_TLS_KEY: 'server.key' };

  it('allow it with encryption and identities, and say which of them is missing', () => {
    const everywhere = { POLICY_GRPC_ADDR: '0.0.0.0:50051' };
    expect(read({ ...everywhere, ...TLS, POLICY_TOKENS: 'tokens' }).exposedWithout).to.equal(undefined);
    expect(read({ ...everywhere, ...TLS, POLICY_TLS_CLIENT_CA: 'ca.pem' }).exposedWithout).to.equal(
      undefined,
    );
    expect(problems({ ...everywhere, ...TLS })[0]).to.include('without identities; set POLICY_TOKENS');
    expect(problems({ ...everywhere, POLICY_TOKENS: 'tokens' })[0]).to.include(
      'without encryption; set POLICY_TLS_CERT',
    );
    expect(read({ ...everywhere, ...TLS, POLICY_INSECURE: '1' }).exposedWithout).to.equal('identities');
  });

  it('take a flag that says nothing for absent, as a script gives it whose variable is not set', () => {
    const everywhere = ['--grpc-addr', '0.0.0.0:50051'];
    const tls = ['--tls-cert', 'server.pem', '--tls-key', 'server.key'];
    const noTls = ['--tls-cert', '', '--tls-key', ''];
    expect(problems({}, ...everywhere, ...noTls, '--tokens', 'tokens')[0]).to.include('without encryption');
    for (const proof of ['--tokens', '--jwks', '--tls-client-ca']) {
      expect(problems({}, ...everywhere, ...tls, proof, '')[0], proof).to.include('without identities');
    }
    expect(read({}, '--tokens', '').authenticates).to.equal(false);
  });

  it('never show a key that stands where its path belongs', () => {
    const key = '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----';
    const found = problems({ ...TLS, POLICY_TLS_KEY: key }).join();
    expect(found).to.include('POLICY_TLS_KEY').and.include('give the path of its file');
    expect(found).to.not.include('MIGHAgEA');
  });

  it('say how callers prove who they are', () => {
    const jwt = { POLICY_JWKS: 'keys.json', POLICY_JWT_ISSUER: 'https://idp', POLICY_JWT_AUDIENCE: 'policy' };
    const config = read({ ...TLS, ...jwt, POLICY_TLS_CLIENT_CA: 'ca.pem', POLICY_TOKENS: 'tokens' });
    expect(config.tls).to.deep.equal({ cert: 'server.pem', key: 'server.key', clientCa: 'ca.pem' });
    expect(config.authenticates).to.equal(true);
    expect(config.auth).to.deep.equal({
      tokensPath: 'tokens',
      jwt: {
        keys: 'keys.json',
        rules: {
          issuer: 'https://idp',
          audience: 'policy',
          algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
        },
      },
      certificates: true,
    });
    const url = read({ ...jwt, POLICY_JWKS: 'https://idp/keys?p=1', POLICY_JWT_ALGORITHMS: 'ES384, RS512' });
    expect(url.auth.jwt?.keys).to.be.instanceOf(URL);
    expect(url.auth.jwt?.rules.algorithms).to.deep.equal(['ES384', 'RS512']);
    expect(url.effective['POLICY_JWKS']).to.equal('https://idp/keys?***');
  });

  const partial: [env: Record<string, string>, missing: string][] = [
    [{ POLICY_TLS_CERT: 'x' }, 'POLICY_TLS_KEY'],
    [{ POLICY_TLS_KEY: 'x' }, 'POLICY_TLS_CERT'],
    [{ POLICY_JWKS: 'x', POLICY_JWT_ISSUER: 'x' }, 'POLICY_JWT_AUDIENCE'],
    [{ POLICY_JWKS: 'x', POLICY_JWT_AUDIENCE: 'x' }, 'POLICY_JWT_ISSUER'],
    [{ POLICY_JWT_ISSUER: 'x', POLICY_JWT_AUDIENCE: 'x' }, 'POLICY_JWKS'],
  ];
  for (const [env, missing] of partial) {
    it(`refuse ${Object.keys(env).join(' and ')} without ${missing}`, () => {
      const found = problems(env);
      expect(found).to.have.lengthOf(1);
      expect(found[0]).to.match(new RegExp(`^${missing} .*is missing`));
    });
  }

  const bad: [setting: string, value: string, says: string][] = [
    ['POLICY_STORE', 'mysql://host/db', 'postgres://USER@HOST:PORT/DATABASE'],
    ['POLICY_STORE', 'postgre://host/db', 'did you mean postgres:'],
    ['POLICY_STORE', 'reddis://host', 'did you mean redis:'],
    ['POLICY_STORE', 'data/policy.db', 'sqlite:PATH'],
    ['POLICY_STORE', 'memory:x', 'memory: alone'],
    ['POLICY_LOG_MAX_CHANGES', '999', 'at least 1000'],
    ['POLICY_LOG_MAX_CHANGES', '1000000000', 'at most 999999999'],
    ['POLICY_LOG_MAX_CHANGES', '1e3', 'whole number'],
    ['POLICY_LOG_MAX_BYTES', '64MB', '64MiB'],
    ['POLICY_LOG_MAX_BYTES', '1023KiB', 'at least 1MiB'],
    ['POLICY_LOG_MAX_AGE', '90', '90d or 12h'],
    ['POLICY_LOG_MAX_AGE', '59m', 'at least 1h'],
    ['POLICY_LOG_MAX_AGE', '40000d', 'at most 36500d'],
    ['POLICY_OLDER_STORE', 'adopt', 'heal, halt'],
    ['POLICY_GRPC_ADDR', '50051', 'host:port'],
    ['POLICY_GRPC_ADDR', '127.0.0.1:70000', '65535'],
    ['POLICY_GRPC_ADDR', '::1:50051', '[::1]:50051'],
    ['POLICY_GRPC_ADDR', '192.168.0.1:50051', 'POLICY_INSECURE=1'],
    ['POLICY_GRPC_ADDR', '127.0.0.1.evil.example:50051', 'POLICY_INSECURE=1'],
    ['POLICY_INSECURE', 'maybe', 'write 1 or 0'],
    ['POLICY_TOKENS', 'pst_secret', '"***" is a token'],
    ['POLICY_JWKS', 'http://idp.example/keys', 'https://'],
    ['POLICY_JWKS', 'https://user:secret@idp.example/keys', 'https://***@idp.example/keys'],
    ['POLICY_JWT_ALGORITHMS', 'RS256,HS256', '"HS256"'],
    ['POLICY_JWT_ALGORITHMS', 'none', 'symmetric'],
    ['POLICY_NAMESPACES', 'Live', 'a-z'],
    ['POLICY_NAMESPACES', 'a,,b', '""'],
    ['POLICY_NAMESPACES', 'x'.repeat(64), '1 to 63'],
    ['POLICY_NAMESPACES', Array.from({ length: 101 }, (_, i) => `n${i}`).join(), 'at most 100'],
    ['POLICY_LEASE', '10', '10s'],
    ['POLICY_LEASE', '500ms', 'at least 1s'],
    ['POLICY_LEASE', '2h', 'at most 1h'],
    ['POLICY_INITIAL', 'bold', 'default, conservative, aggressive'],
    ['POLICY_LOG_LEVEL', 'loud', 'debug, info, warn, error'],
    ['POLICY_LOG_FORMAT', 'xml', 'pretty, json'],
    ['QT_RISK_MODE', 'BOLD', 'must be one of DEFENSIVE, NORMAL, AGGRESSIVE, got "BOLD"'],
    ['QT_RISK_MODE', '2', 'must be one of DEFENSIVE, NORMAL, AGGRESSIVE, got "2"'],
    ['QT_RISK_MODE', 'UNSPECIFIED', 'must be one of DEFENSIVE, NORMAL, AGGRESSIVE, got "UNSPECIFIED"'],
    ['QT_MAX_RISK_PER_TRADE', '0', 'must be above 0 and at most 1, got 0'],
    ['QT_MAX_RISK_PER_TRADE', '2%', 'must be a number above 0 and at most 1, got "2%"'],
    ['QT_MAX_RISK_PER_TRADE', 'NaN', 'must be a number above 0 and at most 1, got "NaN"'],
    ['QT_MAX_RISK_PER_TRADE', '1e999', 'must be a number above 0 and at most 1, got Infinity'],
    ['QT_MAX_POSITIONS', ' ', 'must be an integer between 1 and 100, got ""'],
    ['QT_MAX_POSITIONS', '101', 'must be between 1 and 100, got 101'],
    ['QT_MAX_POSITIONS', '2.5', 'must be an integer between 1 and 100, got 2.5'],
    ['QT_MAX_POSITIONS', '0x10', 'must be an integer between 1 and 100, got "0x10"'],
    ['QT_CONFIDENCE_THRESHOLD', '-0.1', 'must be between 0 and 1, got -0.1'],
    ['QT_CONFIDENCE_THRESHOLD', '70', 'must be between 0 and 1, got 70'],
  ];
  for (const [setting, value, says] of bad) {
    it(`refuse ${setting}=${value.slice(0, 40)} and say how to mend it`, () => {
      const found = problems({ [setting]: value });
      expect(found, found.join('\n')).to.have.lengthOf(1);
      expect(found[0])
        .to.match(new RegExp(`^${setting}\\b`))
        .and.to.include(says);
    });
  }

  it('refuse a file that is no policy, naming file, line and field', () => {
    const path = file('bad.yaml', 'risk_mode: NORMAL\nmax_positions: 500\n');
    const [problem] = problems({ POLICY_INITIAL: path });
    expect(problem).to.include('POLICY_INITIAL').and.to.include('line 2').and.to.include('max_positions');
  });

  it('report all problems at once', () => {
    const bad = ['POLICY_STORE', 'POLICY_LEASE', 'QT_RISK_MODE', 'QT_MAX_RISK_PER_TRADE', 'QT_MAX_POSITIONS'];
    const found = problems(Object.fromEntries(bad.map((name) => [name, 'x'])));
    expect(found.map((line) => line.split(' ')[0])).to.deep.equal(bad);
  });

  it('never show what authenticates', () => {
    expect(read({ POLICY_STORE: 'redis://user:p@ss:w/rd@host:6379/0?password=secret' }).effective).to.include(
      {
        POLICY_STORE: 'redis://***@host:6379/0?***',
      },
    );
    const [problem] = problems({ POLICY_STORE: 'reddis:secret@host?password=secret' });
    expect(problem).to.include('***@host').and.to.not.include('secret');
  });

  it('warn of variables that look like settings and are none', () => {
    const warnings = warnOfUnknownSettings({
      POLICY_LEASES: '1s',
      POLICY_ADDR: 'x',
      QT_RISKMODE: 'y',
      HOME: '/',
    });
    expect(warnings).to.have.lengthOf(2);
    expect(warnings[0]).to.include('POLICY_LEASES').and.to.include('did you mean POLICY_LEASE?');
    expect(warnings[1]).to.include('did you mean QT_RISK_MODE?');
  });
});
