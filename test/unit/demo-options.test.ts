import { expect } from 'chai';

import { readOptions, USAGE } from '../demo/options.js';

describe('the options of the demo', () => {
  it('have defaults', () => {
    expect(readOptions([])).to.deep.equal({ seed: 1, seconds: 24, json: false, help: false });
  });

  it('are read and explained', () => {
    const options = readOptions(['--seed', '7', '--seconds=60', '--json', '--help']);
    expect(options).to.deep.equal({ seed: 7, seconds: 60, json: true, help: true });
    for (const option of ['--seed', '--seconds', '--json', '--help', 'NO_COLOR'])
      expect(USAGE).to.include(option);
  });

  for (const args of [
    ['--seed', '-1'],
    ['--seed', '1.5'],
    ['--seed', ''],
    ['--seconds', '9'],
    ['--seconds', '1e2'],
    ['--sed', '1'],
    ['7'],
  ]) {
    it(`are refused: ${args.join(' ')}`, () => {
      expect(() => readOptions(args)).to.throw();
    });
  }
});
