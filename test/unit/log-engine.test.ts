import { Writable } from 'node:stream';

import { Change, Limits, Override, type PolicyPatch } from '@policystore/client/proto';
import { expect } from 'chai';
import { pino } from 'pino';

import { apply, emptyPatch } from '../../server/src/domain/patch/patch.js';
import type { Policy } from '../../server/src/domain/policy.js';
import { presetPolicy } from '../../server/src/domain/presets.js';
import type { LoggedChange } from '../../server/src/engine/change.js';
import { createEngineLog } from '../../server/src/log-engine.js';

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly [fact: string]: unknown;
}

const [WARN, ERROR] = [40, 50];

const lines: Line[] = [];
const sink = new Writable({
  write(line: Buffer, _encoding, done) {
    lines.push(JSON.parse(line.toString()) as Line);
    done();
  },
});
const log = createEngineLog({
  log: pino(sink),
  store: 'memory:',
  creationSettings: [],
  command: (args) => `policyctl ${args}`,
});

function changeOf(revision: number, patch: Partial<PolicyPatch>, policy: Policy): LoggedChange {
  const { fields, ...applied } = apply(policy, { ...emptyPatch(), ...patch });
  const effect = { patch: applied.patch, fields };
  const change = { ...Change.create(), ...applied, actor: 'msc_ai' };
  const at = { epoch: 'e1', revision, id: 'id', commitTime: 0, size: 1 };
  return { ...at, change, base: effect, effective: effect, overrides: undefined };
}

beforeEach(() => {
  lines.length = 0;
});

describe('what the operator is told of a change', () => {
  function told(allowed: string[]): string[] {
    const policy = { ...presetPolicy('default'), allowedStrategies: ['trend'], allowedSymbols: ['BTC'] };
    const change = changeOf(7, { allowedSymbols: { clear: true, remove: [], add: allowed } }, policy);
    log.changed({ namespace: 'default', change, policy });
    return lines.map(({ msg }) => msg);
  }

  it('is one line', () => {
    expect(told(['ETH'])).to.have.length(1);
  });

  it('is also that nothing may trade any more, and how to mend it', () => {
    expect(told([])[1]).to.equal(
      'nothing may trade: allowed_symbols is empty. To change it: policyctl patch allowed_symbols+=NAME',
    );
  });
});

describe('what the operator is told of a store that comes back older', () => {
  function recovered(parts: {
    changes: number;
    putBack?: boolean;
    halted?: string;
    namespace?: string;
    store?: string;
  }): Line[] {
    const { changes: count, putBack = true, halted, namespace = 'default', store } = parts;
    const policy = presetPolicy('default');
    const changes = Array.from({ length: count }, (_, i) =>
      changeOf(i + 5, { maxPositions: 20 + (i % 2) }, policy),
    );
    const held = 'e1:9';
    log.recovered({ namespace, store, held, version: 'e2:12', putBack, changes, halted, count: 2 });
    return lines;
  }

  it('is an error that says what was put back, and what holds', () => {
    const [line, ...rest] = recovered({ changes: 5, store: 'e1:4' });
    expect(rest).to.have.lengthOf(0);
    expect(line).to.include({ level: ERROR, namespace: 'default', changes: 5, count: 2, version: 'e2:12' });
    expect(line!.msg).to.equal(
      'the store came back older: it held e1:4, this server e1:9 (2 times since the start). 5 changes put back; ' +
        'e2:12 holds from now on',
    );
  });

  it('says that it held nothing', () => {
    expect(recovered({ changes: 1 })[0]!.msg)
      .to.include('it held nothing')
      .and.to.include('1 change put back');
  });

  it('is, where it was told to halt, what is missing and how to go on', () => {
    const [line, ...missing] = recovered({
      changes: 2,
      putBack: false,
      halted: 'older-store',
      store: 'e1:4',
      namespace: 'paper',
    });
    expect(line!.level).to.equal(ERROR);
    expect(line!.msg)
      .to.include('2 changes NOT put back')
      .and.to.include("policyctl restore older-store --reason 'what holds now is right' --namespace paper");
    expect(missing.map(({ msg }) => msg)).to.deep.equal([
      'not put back: policy changed: paper e1:5 by msc_ai: max_positions 10 -> 20',
      'not put back: policy changed: paper e1:6 by msc_ai: max_positions 20 -> 21',
    ]);
  });

  it('says that trading is reduced also where everything was put back', () => {
    const [line, ...rest] = recovered({ changes: 3, halted: 'older-store' });
    expect(rest).to.have.lengthOf(0);
    expect(line!.msg)
      .to.include('3 changes put back')
      .and.to.include('trading is reduced by the override older-store')
      .and.to.include("policyctl restore older-store --reason 'what holds now is right'");
  });

  it('does not go on and on about what is missing', () => {
    const told = recovered({ changes: 1000, putBack: false, halted: 'older-store' });
    expect(told.length).to.be.lessThan(60);
    expect(told.at(-1)!.msg).to.equal('not put back: 950 more changes');
  });

  it('is a warning where nobody here knew anything newer', () => {
    log.interrupted({ namespace: 'default', from: 'e1:4', to: 'e2:5' });
    expect(lines[0]).to.include({ level: WARN, from: 'e1:4', to: 'e2:5' });
    expect(lines[0]!.msg).to.include('may have lost changes').and.to.include('e1:4 -> e2:5');
  });
});

describe('what the operator is told of a pending override', () => {
  const limits = { ...Limits.create(), maxPositions: 2 };
  const override = { ...Override.create(), name: 'desk', actor: 'governor', reason: 'feed\ndown', limits };

  it('is a warning when it comes into force on this server alone', () => {
    log.overridePending({ namespace: 'default', override });
    expect(lines[0]).to.include({ level: WARN, override: 'desk' });
    expect(lines[0]!.msg).to.match(
      /^override pending: desk by governor: max_positions <= 2 \(feed down\)\. It is in force on this server alone/,
    );
  });

  it('is one line of bounded length, whatever names it blocks', () => {
    const blocked = ['a\u2028b', '\u202ec', 'd'.repeat(128), 'e'.repeat(128)];
    const wide = { ...limits, blockStrategies: blocked, blockSymbols: blocked };
    log.overridePending({ namespace: 'default', override: { ...override, limits: wide } });
    expect(lines[0]!.msg.length).to.be.lessThan(1000);
    expect(lines[0]!.msg).to.not.match(/[\p{Cc}\p{Zl}\p{Zp}\p{Cf}]/u);
  });

  it('is an error when it ends with this server', () => {
    log.overrideLost({ namespace: 'default', override });
    expect(lines[0]).to.include({ level: ERROR, override: 'desk' });
    expect(lines[0]!.msg).to.match(/^override LOST: desk by governor/);
  });
});

describe('a server that others no longer hear of', () => {
  it('is a warning that says what becomes of those that watch', () => {
    log.unannounced({ namespace: 'default', error: new Error('no memory.') });
    expect(lines[0]).to.include({ level: WARN });
    expect(lines[0]!.msg).to.match(/^other servers no longer hear of this one: no memory\. They take/);
  });
});
