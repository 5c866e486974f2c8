import { TradingState } from '@policystore/client/proto';
import { expect } from 'chai';
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { closeAfterEach } from '../support/closing.js';
import { copyDatabase } from '../support/sqlite-replace.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { Drill } from './support/drill.js';

describe('a server whose SQLite file is replaced while in use', () => {
  const keep = closeAfterEach();
  const directory = temporaryDirectory();

  async function start(flags: readonly string[] = []) {
    const path = join(directory.path, 'policy.db');
    const backup = join(directory.path, 'backup.db');
    const drill = keep(await Drill.start({ store: () => `sqlite:${path}`, servers: 1, flags }), (it) =>
      it.close(),
    );
    await drill.write(0, 'kept');
    copyDatabase(path, backup);
    await drill.write(0, 'lost');
    await drill.override(0, 'lost ban', 40);
    return { path, backup, drill };
  }

  it('by an older copy puts back what the copy lacks, before anybody has to write', async () => {
    const { path, backup, drill } = await start();
    const before = await drill.version(0);
    renameSync(backup, path);
    const line = await drill.told(0, /^the store came back older: .* 2 changes put back/u);
    expect(line).to.deep.include({ level: 50, held: before, changes: 2, count: 1 });
    await drill.expectWhole();
    await drill.write(0, 'after');
    await drill.expectWhole();
    const reasons = (await drill.log(0))
      .filter(({ requestId }) => requestId !== '')
      .map(({ reason }) => reason);
    expect(reasons).to.deep.equal(['kept', 'lost', 'lost ban', 'after']);
  });

  it('by an older copy puts back what the copy lacks when a write comes first', async () => {
    const { path, backup, drill } = await start();
    renameSync(backup, path);
    await drill.write(0, 'meanwhile');
    await drill.expectWhole();
    const reasons = (await drill.log(0))
      .filter(({ requestId }) => requestId !== '')
      .map(({ reason }) => reason);
    expect(reasons).to.deep.equal(['kept', 'lost', 'lost ban', 'meanwhile']);
  });

  it('by nothing makes it anew from what it holds', async () => {
    const { path, drill } = await start();
    rmSync(path);
    await drill.told(0, /^the store came back older: it held nothing/u);
    await drill.expectWhole();
  });

  it('by older copies again and again counts them, and loses nothing', async () => {
    const { path, backup, drill } = await start();
    for (const count of [1, 2, 3]) {
      copyDatabase(path, `${backup}.${count}`);
      await drill.write(0, `round ${count}`);
      renameSync(`${backup}.${count}`, path);
      await drill.told(0, new RegExp(`came back older: .*\\(${count} times? since the start\\)`, 'u'));
    }
    await drill.expectWhole();
  });

  it('reduces trading instead where it is set to halt', async () => {
    const { path, backup, drill } = await start(['--older-store', 'halt']);
    renameSync(backup, path);
    await drill.told(0, /1 change NOT put back; .* trading is reduced by the override older-store/u);
    const { policy } = await drill.get(0);
    expect(policy!.tradingState).to.equal(TradingState.REDUCE_ONLY);
    expect([...policy!.oppRankings.keys()]).to.deep.equal(['kept']);
    expect(policy!.overrides.map(({ name }) => name)).to.deep.equal(['lost ban', 'older-store']);
  });
});
