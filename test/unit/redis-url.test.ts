import { expect } from 'chai';
import fc from 'fast-check';

import { parseRedisUrl, type RedisTarget } from '../../server/src/store/redis/url.js';
import { StoreUnusable } from '../../server/src/store/store.js';

const PLAIN: RedisTarget = {
  kind: 'single',
  addresses: [{ host: 'h', port: 6379 }],
  masterName: '',
  username: '',
  password: '',
  db: 0,
  tls: false,
  wait: 0,
};

const GOOD: [url: string, target: Partial<RedisTarget>][] = [
  ['redis://h', {}],
  ['redis://h/', {}],
  ['REDIS://h', {}],
  ['redis://127.0.0.1:6380/2', { addresses: [{ host: '127.0.0.1', port: 6380 }], db: 2 }],
  ['redis://[::1]:7000', { addresses: [{ host: '::1', port: 7000 }] }],
  ['redis://[fe80::1]', { addresses: [{ host: 'fe80::1', port: 6379 }] }],
  ['rediss://h', { tls: true }],
  ['redis://:secret@h', { password: 'secret' }],
  ['redis://user:secret@h', { username: 'user', password: 'secret' }],
  ['redis://us%40er:p%3Aa%2Fs%23%3F%25@h', { username: 'us@er', password: 'p:a/s#?%' }],
  ['redis://user:a:b@h', { username: 'user', password: 'a:b' }],
  ['redis://user:a@b@h', { username: 'user', password: 'a@b' }],
  ['redis://h?wait=1', { wait: 1 }],
  ['redis://h/3?wait=12', { db: 3, wait: 12 }],
  [
    'redis+sentinel://u:p@a:1,b/mymaster',
    {
      kind: 'sentinel',
      addresses: [
        { host: 'a', port: 1 },
        { host: 'b', port: 26379 },
      ],
      masterName: 'mymaster',
      username: 'u',
      password: 'p',
    },
  ],
  [
    'redis+sentinel://a/my-master.1/4?wait=1',
    { kind: 'sentinel', addresses: [{ host: 'a', port: 26379 }], masterName: 'my-master.1', db: 4, wait: 1 },
  ],
  [
    'redis+cluster://a,b:7001,[::1]:7002',
    {
      kind: 'cluster',
      addresses: [
        { host: 'a', port: 6379 },
        { host: 'b', port: 7001 },
        { host: '::1', port: 7002 },
      ],
    },
  ],
  ['redis+cluster://a/0', { kind: 'cluster', addresses: [{ host: 'a', port: 6379 }] }],
];

const BAD: [url: string, problem: RegExp][] = [
  ['', /the forms are redis:/],
  ['redis', /the forms are/],
  ['redis:h', /the forms are/],
  ['http://h', /the forms are/],
  ['redis+unix://h', /the forms are/],
  ['constructor://h', /the forms are/],
  ['redis://', /each address must be/],
  ['redis:///0', /each address must be/],
  ['redis://h:', /each address must be/],
  ['redis://h:x', /each address must be/],
  ['redis://h h', /each address must be/],
  ['redis://::1', /each address must be/],
  ['redis+cluster://a,,b', /each address must be/],
  ['redis+cluster://a,', /each address must be/],
  ['redis://h:0', /port must lie between/],
  ['redis://h:65536', /port must lie between/],
  ['redis://a,b', /several addresses need/],
  ['redis://user@h', /before the @ belongs/],
  ['redis://user:@h', /before the @ belongs/],
  ['redis://:%zz@h', /no percent-encoding/],
  ['redis://:pa/ss@h', /percent-encoded/],
  ['redis://:pa?ss@h', /percent-encoded/],
  ['redis://:pa#ss@h', /write it as %23/],
  ['redis://h#0', /write it as %23/],
  ['redis://h/x', /number of a database/],
  ['redis://h/-1', /number of a database/],
  ['redis://h/1/2', /number of a database/],
  ['redis+cluster://h/1', /database 0 only/],
  ['redis+sentinel://h', /needs the name of the master/],
  ['redis+sentinel://h/', /needs the name of the master/],
  ['redis+sentinel://h/my master', /needs the name of the master/],
  ['redis+sentinel://h/m/x', /number of a database/],
  ['redis://h?wait', /wait must be/],
  ['redis://h?wait=0', /wait must be/],
  ['redis://h?wait=-1', /wait must be/],
  ['redis://h?wait=1.5', /wait must be/],
  ['redis://h?wait=100', /wait must be/],
  ['redis://h?db=1', /only setting .* is wait/],
  ['redis://h?wait=1&tls=1', /only setting .* is wait/],
  ['redis://h?wait=1?', /more than one \?/],
];

describe('a Redis URL', () => {
  for (const [url, target] of GOOD) {
    it(`${url} is understood`, () => {
      expect(parseRedisUrl(url)).to.deep.equal({ ...PLAIN, ...target });
    });
  }

  for (const [url, problem] of BAD) {
    it(`${JSON.stringify(url)} is refused with a reason`, () => {
      expect(() => parseRedisUrl(url)).to.throw(StoreUnusable, problem);
    });
  }

  it('never shows its password, whatever is wrong with it', () => {
    const secret = 'S3cr3t';
    const piece = fc.constantFrom('/', '?', '#', '@', ':', ',', '%', '', '&', '[', ']', ' ', '\n', 'x', '=');
    const around = fc.array(piece, { maxLength: 3 }).map((pieces) => pieces.join(''));
    const scheme = fc.constantFrom('redis', 'rediss', 'redis+sentinel', 'redis+cluster', 'http', 'x y');
    fc.assert(
      fc.property(scheme, around, around, around, (name, before, after, tail) => {
        for (const url of [
          `${name}://user:${before}${secret}${after}@host${tail}`,
          `${name}://host${tail}?password=${before}${secret}${after}`,
        ]) {
          try {
            parseRedisUrl(url);
          } catch (error) {
            expect((error as Error).message).not.to.include(secret);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});
