import { expect } from 'chai';

import { isNewEnough, parseInfo } from '../../server/src/store/redis/check.js';
import { RedisRefusal } from '../../server/src/store/redis/connection.js';
import { refusalError } from '../../server/src/store/redis/refusal.js';
import { StoreUnavailable, StoreUnusable } from '../../server/src/store/store.js';

describe('the version of a Redis server', () => {
  for (const version of ['7.0.0', '7.0.15', '7.2', '8.0.0', '10.1.2', '7.0.0-rc1', '255.255.255']) {
    it(`${version} is new enough`, () => {
      expect(isNewEnough(version)).to.equal(true);
    });
  }
  for (const version of ['6.2.14', '6.9.9', '5.0', '2.8.24', '', 'unknown', '0.7.0']) {
    it(`${JSON.stringify(version)} is too old or none`, () => {
      expect(isNewEnough(version)).to.equal(false);
    });
  }

  it('stands in a line of INFO', () => {
    const info = parseInfo(
      '# Server\r\nredis_version:7.0.15\r\nos:Linux 6.1 x86:64\r\n\r\n# Replication\r\nrole:master\r\n',
    );
    expect([...info]).to.deep.equal([
      ['redis_version', '7.0.15'],
      ['os', 'Linux 6.1 x86:64'],
      ['role', 'master'],
    ]);
  });
});

describe('an error reply of Redis', () => {
  const LATER = [
    "READONLY You can't write against a read only replica.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    'MISCONF Redis is configured to save RDB snapshots',
    'NOREPLICAS Not enough good replicas to write.',
    'LOADING Redis is loading the dataset in memory',
    'BUSY Redis is busy running a script.',
    'MASTERDOWN Link with MASTER is down',
    'UNBLOCKED force unblock from blocking operation',
    'CLUSTERDOWN The cluster is down',
    'TRYAGAIN Multiple keys request during rehashing of slot',
    'ERR max number of clients reached',
  ];
  const NEVER = [
    'NOPERM this user has no permissions to run the command',
    'NOAUTH Authentication required.',
    'ERR Protocol error: unauthenticated multibulk length',
    'WRONGPASS invalid username-password pair or user is disabled.',
    'WRONGTYPE Operation against a key holding the wrong kind of value',
    'MOVED 1 127.0.0.1:7000',
    'DENIED Redis is running in protected mode',
    'ERR DB index is out of range',
    'ERR AUTH <password> called without any password configured for the default user.',
    "ERR unknown command 'XREAD'",
    "ERR Error compiling script (new function): user_script:1: unexpected symbol near '#'",
    'ERR The ID specified in XADD is equal or smaller than the target stream top item',
    'ERR something new',
  ];
  const refused = (message: string): Error =>
    refusalError(new RedisRefusal(message, { host: '::1', port: 7000 }));

  for (const message of LATER) {
    it(`${message.slice(0, 40)} may pass: surely not committed, and worth another try`, () => {
      expect(refused(message)).to.be.instanceOf(StoreUnavailable).with.property('sent', false);
      expect(refused(message).message).to.include('[::1]:7000');
    });
  }
  for (const message of NEVER) {
    it(`${message.slice(0, 40)} stays until somebody mends it`, () => {
      expect(refused(message)).to.be.instanceOf(StoreUnusable);
      expect(refused(message).message).to.include('[::1]:7000');
    });
  }
});
