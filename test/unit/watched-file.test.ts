import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { watchFile, type WatchedFile } from '../../server/src/watched-file.js';
import { until } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** Numbers, one a line, ended by `end`: what is half-written is refused. */
function parse(bytes: Buffer): number[] {
  const lines = bytes.toString().trim().split('\n');
  if (lines.pop() !== 'end') throw new Error('the last line must be "end"');
  return lines.map(Number);
}

describe('a watched file', () => {
  const directory = temporaryDirectory();
  let path: string;
  let file: WatchedFile<number[]> | undefined;
  let loaded: number[][];
  let refused: string[];

  beforeEach(() => {
    path = join(directory.path, 'numbers');
    loaded = [];
    refused = [];
    writeFileSync(path, '1\nend');
  });

  afterEach(() => {
    file?.close();
  });

  function watch(at = path): WatchedFile<number[]> {
    file = watchFile(at, parse, {
      loaded: (value) => loaded.push(value),
      refused: ({ message }) => refused.push(message),
    });
    return file;
  }

  function replace(text: string): void {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  }

  const holds = (value: number[]) => until(async () => String(file?.current) === String(value));
  const refusals = (count: number) => until(async () => refused.length >= count);

  it('is read at once, and nothing is told of the first version', () => {
    expect(watch().current).to.deep.equal([1]);
    expect(loaded).to.be.empty;
  });

  it('throws what is wrong with the first version', () => {
    writeFileSync(path, '1');
    expect(() => watch()).to.throw('the last line must be "end"');
  });

  it('throws where there is no file, a directory, or something without an end', () => {
    expect(() => watch(join(directory.path, 'none'))).to.throw('ENOENT');
    expect(() => watch(directory.path)).to.throw('is no regular file');
    expect(() => watch('/dev/zero')).to.throw('is no regular file');
  });

  it('is read again when another file is renamed over it', async () => {
    const heard: number[][] = [];
    watch().onChange((value) => {
      expect(file?.current).to.equal(value);
      heard.push(value);
    });
    replace('2\nend');
    await holds([2]);
    expect(loaded).to.deep.equal([[2]]);
    expect(heard).to.deep.equal([[2]]);
  });

  it('is read again when a symbolic link on the way to it is swapped', async () => {
    for (const version of [1, 2]) {
      mkdirSync(join(directory.path, `v${version}`));
      writeFileSync(join(directory.path, `v${version}`, 'numbers'), `${version}\nend`);
    }
    const link = join(directory.path, 'now');
    symlinkSync('v1', link);
    watch(join(link, 'numbers'));
    symlinkSync('v2', `${link}.new`);
    renameSync(`${link}.new`, link);
    await holds([2]);
  });

  it('is read again when it was written in place with as many bytes', async () => {
    watch();
    writeFileSync(path, '2\nend');
    await holds([2]);
  });

  it('keeps the last good version while it is half-written, says so once, and recovers', async () => {
    watch();
    writeFileSync(path, '2\n3');
    await refusals(1);
    expect(file?.current).to.deep.equal([1]);
    expect(loaded).to.be.empty;
    replace('2\n3');
    replace('2\n3\nend');
    await holds([2, 3]);
    expect(refused).to.deep.equal(['the last line must be "end"']);
    expect(loaded).to.deep.equal([[2, 3]]);
  });

  it('takes nothing of a file that is being written, though what is there might pass', async () => {
    watch();
    const end = performance.now() + 1000;
    for (let i = 2; performance.now() < end; i += 1) {
      writeFileSync(path, `${i}\nend`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    writeFileSync(path, '0\nend');
    await holds([0]);
    expect(loaded).to.deep.equal([[0]]);
  });

  it('keeps the last good version while it is gone, says so once, and tells when it is back', async () => {
    watch();
    rmSync(path);
    await refusals(1);
    expect(file?.current).to.deep.equal([1]);
    replace('1\nend');
    await until(async () => loaded.length > 0);
    expect(refused).to.have.lengthOf(1);
    expect(refused[0]).to.include('ENOENT');
  });

  it('tells nobody of a version with the same bytes, nor who has stopped listening', async () => {
    const heard: string[] = [];
    watch();
    const stop = file!.onChange(() => heard.push('stopped'));
    file!.onChange(() => heard.push('listening'));
    stop();
    replace('1\nend');
    replace('1\nend');
    replace('2\nend');
    await holds([2]);
    expect(heard).to.deep.equal(['listening']);
    expect(loaded).to.deep.equal([[2]]);
  });

  it('is not looked at any more once it is closed', async () => {
    watch().close();
    const other = watchFile(path, parse, { loaded: () => undefined, refused: () => undefined });
    replace('2\nend');
    await until(async () => other.current[0] === 2);
    other.close();
    expect(loaded).to.be.empty;
    expect(file?.current).to.deep.equal([1]);
  });
});
