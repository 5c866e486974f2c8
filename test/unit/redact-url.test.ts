import { expect } from 'chai';
import fc from 'fast-check';

import { redactUrl } from '../../server/src/redact-url.js';

const SHOWN: [url: string, shown: string][] = [
  // whole
  ['memory:', 'memory:'],
  ['sqlite:data/policy.db', 'sqlite:data/policy.db'],
  ['sqlite:///var/größe 1.db', 'sqlite:///var/größe 1.db'],
  ['redis://h', 'redis://h'],
  ['rediss://[::1]:6379/2', 'rediss://[::1]:6379/2'],
  ['redis+sentinel://a:1,b:2/m/3?wait=1', 'redis+sentinel://a:1,b:2/m/3?wait=1'],
  ['redis://h?wait=-1.5', 'redis://h?wait=-1.5'],
  ['postgres://h/policy', 'postgres://h/policy'],
  ['postgres://h?sslmode=verify-full', 'postgres://h?sslmode=verify-full'],
  ['postgres://h?sslmode=prefer', 'postgres://h?sslmode=prefer'],
  ['postgres://h?sslrootcert=/etc/ssl/ca.pem', 'postgres://h?sslrootcert=/etc/ssl/ca.pem'],
  ['postgres://h?sslcert=client.crt', 'postgres://h?sslcert=client.crt'],
  ['postgres://h?sslkey=../secrets/pg_key', 'postgres://h?sslkey=../secrets/pg_key'],
  ['postgres://h?options=-c search_path=policy', 'postgres://h?options=-c search_path=policy'],
  ['postgres://h?options=-c%20search_path%3Dp1', 'postgres://h?options=-c%20search_path%3Dp1'],
  // who logs in
  ['redis://u:p@h:1/0', 'redis://***@h:1/0'],
  ['REDIS://u:p@h:1/0', 'REDIS://***@h:1/0'],
  ['redis+sentinel://u:p@a:1,b:2/m/3?wait=1', 'redis+sentinel://***@a:1,b:2/m/3?wait=1'],
  ['redis://u:p@ss:w/rd@h:6379/0', 'redis://***@h:6379/0'],
  ['redis://token@h', 'redis://***@h'],
  ['reddis:secret@h', 'reddis:***@h'],
  ['postgresql://u:p@a:1,b:2/d?sslmode=require', 'postgresql://***@a:1,b:2/d?sslmode=require'],
  ['postgres://u:p@h/d?sslmode=require&options=', 'postgres://***@h/d?sslmode=require&***'],
  // parameters
  ['redis://h?password=hunter2', 'redis://h?***'],
  ['redis://h/0?wait=1&auth=hunter2&wait=2', 'redis://h/0?wait=1&***&wait=2'],
  ['redis://h?hunter2', 'redis://h?***'],
  ['redis://h?wait=hunter2', 'redis://h?***'],
  ['redis://h?wait=1;password=hunter2', 'redis://h?***'],
  ['redis://h?wait=1?hunter2', 'redis://h?***'],
  ['redis://h?password=hunter@2', 'redis://***'],
  ['redis://u:hunter?2@h', 'redis://***'],
  ['redis://u:hunter#2@h', 'redis://***'],
  ['redis://h#hunter2', 'redis://h#***'],
  ['redis://h?wait=1#hunter2', 'redis://h?wait=1#***'],
  ['postgres://h?password=hunter2&sslmode=require', 'postgres://h?***&sslmode=require'],
  ['postgres://h?sslmode=hunter2', 'postgres://h?***'],
  ['postgres://h?sslkey=MIGHhunter2/x', 'postgres://h?***'],
  ['postgres://h?sslkey=-----BEGIN PRIVATE KEY-----', 'postgres://h?***'],
  ['postgres://h?sslkey=a.pem%0Ahunter2', 'postgres://h?***'],
  ['postgres://h?options=-c app.key=hunter2', 'postgres://h?***'],
  ['postgres://h?options=-c search_path=a -c app.key=hunter2', 'postgres://h?***'],
  ['host=h user=u password=hunter2', '***'],
  ['sqlite:policy.db?key=hunter2', 'sqlite:policy.db?***'],
  ['sqlite:u:hunter2@h/policy.db', 'sqlite:***@h/policy.db'],
  // what does not parse
  ['', '***'],
  ['hunter2', '***'],
  ['u=hunter2', '***'],
  ['//u:hunter2@h', '***'],
  ['redis:hunter2', 'redis:***'],
  ['memory:hunter2', 'memory:***'],
  ['localhost:hunter2', 'localhost:***'],
  ['redis://u:hunter2', 'redis://***'],
  ['redis://h:6379,password=hunter2', 'redis://h:6379,***'],
  ['redis://h:6379;password=hunter2', 'redis://***'],
  ['redis://h/0;password=hunter2', 'redis://h/***'],
  ['redis://h/0&password=hunter2', 'redis://h/***'],
  ['redis://u%3Ahunter2%40h', 'redis://***'],
  ['redis://h\nhunter2', 'redis://***'],
];

describe('a URL to show', () => {
  for (const [url, shown] of SHOWN) {
    it(`is ${shown} for ${JSON.stringify(url)}`, () => {
      expect(redactUrl(url)).to.equal(shown);
    });
  }

  it('holds no login and no parameter, whatever is around', () => {
    const secret = 'S3cr3t';
    const piece = fc.constantFrom(
      '/',
      '?',
      '#',
      '@',
      ':',
      ',',
      '%',
      '',
      '&',
      '[',
      ']',
      ' ',
      '\n',
      'x',
      '=',
      ';',
    );
    const around = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(''));
    const start = fc.constantFrom(
      'redis:',
      'redis://',
      'rediss://',
      'redis+cluster://',
      'postgres://',
      'http://',
      'x y',
      '',
    );
    fc.assert(
      fc.property(start, around, around, around, (scheme, before, after, tail) => {
        expect(redactUrl(`${scheme}user:${before}${secret}${after}@host${tail}`)).not.to.include(secret);
        expect(redactUrl(`${scheme}host${tail}?password=${before}${secret}${after}`)).not.to.include(secret);
      }),
      { numRuns: 5000 },
    );
  });
});
