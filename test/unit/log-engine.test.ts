import { Writable } from 'node:stream';

import { Change } from '@policystore/client/proto';
import { expect } from 'chai';
import { pino } from 'pino';

import { apply, emptyPatch } from '../../server/src/domain/patch/patch.js';
import { presetPolicy } from '../../server/src/domain/presets.js';
import type { LoggedChange } from '../../server/src/engine/change.js';
import { createEngineLog } from '../../server/src/log-engine.js';

describe('what the operator is told of a change', () => {
  const lines: string[] = [];
  const sink = new Writable({
    write(line: Buffer, _encoding, done) {
      lines.push((JSON.parse(line.toString()) as { msg: string }).msg);
      done();
    },
  });
  const log = createEngineLog({
    log: pino(sink),
    store: 'memory:',
    creationSettings: [],
    command: (method, request) => `${method} ${JSON.stringify(request)}`,
  });

  function change(allowed: string[]): string[] {
    const policy = { ...presetPolicy('default'), allowedStrategies: ['trend'], allowedSymbols: ['BTC'] };
    const patch = { ...emptyPatch(), allowedSymbols: { clear: true, remove: [], add: allowed } };
    const applied = apply(policy, patch);
    const logged: LoggedChange = {
      epoch: 'e1',
      revision: 7,
      id: 'id',
      commitTime: 0,
      size: 1,
      change: { ...Change.create(), ...applied },
      ...applied,
    };
    lines.length = 0;
    log.changed({ namespace: 'default', change: logged, policy });
    return lines;
  }

  it('is one line', () => {
    expect(change(['ETH'])).to.have.length(1);
  });

  it('is also that nothing may trade any more, and how to mend it', () => {
    expect(change([])[1]).to.equal(
      'nothing may trade: allowed_symbols is empty. To change it: Patch {"patch":{"allowed_symbols":{"add":["NAME"]}}}',
    );
  });
});
