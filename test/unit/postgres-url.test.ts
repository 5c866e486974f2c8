import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';
import fc from 'fast-check';

import { parsePostgresUrl, type PostgresTarget } from '../../server/src/store/postgres/url.js';
import { StoreUnusable } from '../../server/src/store/store.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const PLAIN: PostgresTarget = {
  addresses: [{ host: 'h', port: 5432 }],
  user: 'u',
  password: '',
  database: 'u',
  tls: undefined,
  options: '',
};

const NO_FILES = { ca: undefined, cert: undefined, key: undefined };

const GOOD: [url: string, target: Partial<PostgresTarget>][] = [
  ['postgres://u@h', {}],
  ['postgresql://u@h', {}],
  ['POSTGRES://u@h/', {}],
  ['postgres://u:@h', {}],
  ['postgres://u@h/policy', { database: 'policy' }],
  ['postgres://u@127.0.0.1:6000/d', { addresses: [{ host: '127.0.0.1', port: 6000 }], database: 'd' }],
  ['postgres://u@[::1]:6000', { addresses: [{ host: '::1', port: 6000 }] }],
  [
    'postgres://u@a,b:6000,[fe80::1]/d',
    {
      addresses: [
        { host: 'a', port: 5432 },
        { host: 'b', port: 6000 },
        { host: 'fe80::1', port: 5432 },
      ],
      database: 'd',
    },
  ],
  ['postgres://u:secret@h', { password: 'secret' }],
  ['postgres://u:a:b@c@h', { password: 'a:b@c' }],
  ['postgres://us%40er:p%3Aa%2Fs%23%3F%25@h', { user: 'us@er', password: 'p:a/s#?%', database: 'us@er' }],
  ['postgres://u@h/my%2Fdatabase%20%C3%A4', { database: 'my/database ä' }],
  ['postgres://u@h?sslmode=disable', {}],
  ['postgres://u@h?sslmode=require', { tls: { verify: 'none', ...NO_FILES } }],
  ['postgres://u@h/d?sslmode=verify-full', { database: 'd', tls: { verify: 'full', ...NO_FILES } }],
  ['postgres://u@h?options=-c search_path=policy', { options: '-c search_path=policy' }],
  ['postgres://u@h?options=-c%20search_path%3Da%2Cb', { options: '-c search_path=a,b' }],
  ['postgres://u@h?options=', {}],
];

const BAD: [url: string, problem: RegExp][] = [
  ['', /the forms are postgres:/],
  ['postgres', /the forms are/],
  ['postgres:h', /the forms are/],
  ['host=h user=u', /the forms are/],
  ['mysql://u@h', /the forms are/],
  ['redis://u@h', /the forms are/],
  ['constructor://u@h', /the forms are/],
  ['postgres://u@', /each address must be/],
  ['postgres:///d', /each address must be/],
  ['postgres://u@/d', /each address must be/],
  ['postgres://u@%2Frun%2Fpostgresql/d', /each address must be/],
  ['postgres://u@h:', /each address must be/],
  ['postgres://u@h:x', /each address must be/],
  ['postgres://u@::1', /each address must be/],
  ['postgres://u@a,,b', /each address must be/],
  ['postgres://u@a,', /each address must be/],
  ['postgres://u@h:0', /port must lie between/],
  ['postgres://u@h:65536', /port must lie between/],
  ['postgres://h/d', /the user is missing/],
  ['postgres://@h', /the user is missing/],
  ['postgres://:secret@h', /the user is missing/],
  ['postgres://u:%zz@h', /user name or password holds a %/],
  ['postgres://u:%00@h', /user name or password holds %00/],
  ['postgres://u:pa/ss@h', /percent-encoded/],
  ['postgres://u:pa?ss@h', /percent-encoded/],
  ['postgres://u:pa#ss@h', /write it as %23/],
  ['postgres://u@h/d#1', /write it as %23/],
  ['postgres://u@h/d/e', /name of one database/],
  ['postgres://u@h//d', /name of one database/],
  ['postgres://u@h/%', /name of the database holds a %/],
  ['postgres://u@h/d%00', /name of the database holds %00/],
  ['postgres://u@h?sslmode', /sslmode must be/],
  ['postgres://u@h?sslmode=on', /sslmode must be/],
  ['postgres://u@h?sslmode=prefer', /sslmode=prefer would go on without TLS unnoticed/],
  ['postgres://u@h?sslmode=allow', /sslmode=allow would go on without TLS unnoticed/],
  ['postgres://u@h?sslmode=verify-ca', /needs sslrootcert/],
  ['postgres://u@h?sslmode=require&sslmode=disable', /sslmode is given twice/],
  ['postgres://u@h?sslrootcert=ca.pem', /sslrootcert needs TLS/],
  ['postgres://u@h?sslmode=disable&sslcert=c.pem&sslkey=k.pem', /sslcert needs TLS/],
  ['postgres://u@h?sslmode=require&sslcert=c.pem', /belong together/],
  ['postgres://u@h?sslmode=require&sslkey=k.pem', /belong together/],
  [
    'postgres://u@h?sslmode=verify-ca&sslrootcert=/nowhere/ca.pem',
    /sslrootcert=\/nowhere\/ca\.pem: .*cannot be read \(ENOENT\)/,
  ],
  ['postgres://u@h?sslmode=verify-ca&sslrootcert=', /sslrootcert cannot be read/],
  ['postgres://u@h?password=secret', /password belongs before the @/],
  ['postgres://h?user=u', /user is missing/],
  ['postgres://u@h?user=u', /user belongs before the @/],
  ['postgres://u@h?options=%', /options holds a %/],
  ['postgres://u@h?connect_timeout=1', /only sslmode, sslrootcert, sslcert, sslkey, options/],
  ['postgres://u@h?sslmode=require&', /only sslmode/],
  ['postgres://u@h?sslmode=require?', /more than one \?/],
];

describe('a PostgreSQL URL', () => {
  for (const [url, target] of GOOD) {
    it(`${url} is understood`, () => {
      expect(parsePostgresUrl(url)).to.deep.equal({ ...PLAIN, ...target });
    });
  }

  for (const [url, problem] of BAD) {
    it(`${JSON.stringify(url)} is refused with a reason`, () => {
      expect(() => parsePostgresUrl(url)).to.throw(StoreUnusable, problem);
    });
  }

  describe('with the files of certificates', () => {
    const directory = temporaryDirectory();
    const file = (name: string): string => join(directory.path, name);

    function makeCertificate(name: string): void {
      const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
      const outputs = ['-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)];
      execFileSync('openssl', [...args, '-subj', `/CN=${name}`, ...outputs], { stdio: 'ignore' });
    }

    it('holds what is in them', () => {
      makeCertificate('a');
      const root = `sslrootcert=${file('a.crt')}`;
      const all = `${root}&sslcert=${file('a.crt')}&sslkey=${file('a.key').replaceAll('/', '%2F')}`;
      const ca = readFileSync(file('a.crt'), 'utf8');
      const tls = (query: string): PostgresTarget['tls'] => parsePostgresUrl(`postgres://u@h?${query}`).tls;
      expect(tls(`sslmode=verify-full&${all}`)).to.deep.equal({
        verify: 'full',
        ca,
        cert: ca,
        key: readFileSync(file('a.key'), 'utf8'),
      });
      expect(tls(`${root}&sslmode=verify-ca`)).to.deep.equal({ ...NO_FILES, verify: 'ca', ca });
      expect(tls(`${root}&sslmode=require`)).to.deep.equal({ ...NO_FILES, verify: 'ca', ca });
    });

    it('is refused where they hold something else', () => {
      makeCertificate('a');
      makeCertificate('b');
      writeFileSync(file('empty.crt'), '');
      const refused = (query: string): void => {
        expect(() => parsePostgresUrl(`postgres://u@h?sslmode=require&${query}`)).to.throw(
          StoreUnusable,
          /no PEM, or not of each other/,
        );
      };
      refused(`sslrootcert=${file('empty.crt')}`);
      refused(`sslrootcert=${file('a.key')}`);
      refused(`sslcert=${file('a.key')}&sslkey=${file('a.key')}`);
      refused(`sslcert=${file('a.crt')}&sslkey=${file('b.key')}`);
    });

    it('never shows a key that stands in the place of its file', () => {
      makeCertificate('a');
      const key = readFileSync(file('a.key'), 'utf8');
      const line = key.split('\n')[1]!;
      for (const value of [encodeURIComponent(key), encodeURIComponent(line), line]) {
        const url = `postgres://u@h?sslmode=require&sslcert=${file('a.crt')}&sslkey=${value}`;
        expect(() => parsePostgresUrl(url))
          .to.throw(StoreUnusable, /sslkey/)
          .with.property('message')
          .that.does.not.include(line.slice(0, 20));
      }
    });
  });

  it('never shows its password, whatever is wrong with it', () => {
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
      '%00',
    );
    const around = fc.array(piece, { maxLength: 3 }).map((pieces) => pieces.join(''));
    const scheme = fc.constantFrom('postgres', 'postgresql', 'http', 'x y');
    fc.assert(
      fc.property(scheme, around, around, around, (name, before, after, tail) => {
        for (const url of [
          `${name}://user:${before}${secret}${after}@host${tail}`,
          `${name}://user@host${tail}?password=${before}${secret}${after}`,
        ]) {
          try {
            parsePostgresUrl(url);
          } catch (error) {
            expect((error as Error).message).not.to.include(secret);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});
