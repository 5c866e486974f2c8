import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

import { plainRedis } from '../support/redis.js';

const MAIN = fileURLToPath(new URL('../demo/main.ts', import.meta.url));

async function runDemo(settings: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(POLICY|QT)_/.test(name));
  const env = { ...Object.fromEntries(inherited), ...settings };
  const demo = spawn(process.execPath, ['--import=tsx', MAIN], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [demo.stdout, demo.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  const [code] = (await once(demo, 'close')) as [number | null];
  return { code, output };
}

/** The addresses of the servers that the demo started, from its first line. */
function addressesIn(output: string): string[] {
  return output.split('\n')[0]?.match(/127\.0\.0\.1:\d+/g) ?? [];
}

async function isOpen(address: string): Promise<boolean> {
  const socket = connect(Number(address.split(':')[1]), '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function expectNothingLeft(addresses: readonly string[]): Promise<void> {
  for (const address of addresses) expect(await isOpen(address), address).to.be.false;
}

describe('the demo', () => {
  it('shows one server on an embedded store, and leaves nothing running', async () => {
    const { code, output } = await runDemo({});
    expect(output).to.match(/^demo: ok\./m);
    expect(output).to.match(/^29 changes, revisions 2 to 30\.$/m);
    expect(output).to.match(/^portfolio_balancer was told of 29 changes/m);
    expect(code).to.equal(0);
    const addresses = addressesIn(output);
    expect(addresses).to.have.length(1);
    await expectNothingLeft(addresses);
  });

  it('shows two replicas on one Redis, also in a namespace that was used before', async () => {
    const redis = await plainRedis();
    try {
      const settings = { POLICY_STORE: redis.url, POLICY_NAMESPACE: `demo-${process.pid}` };
      for (const round of [1, 2]) {
        const { code, output } = await runDemo(settings);
        expect(output, `round ${round}`).to.match(/^demo: ok\./m);
        expect(code).to.equal(0);
        const addresses = addressesIn(output);
        expect(addresses).to.have.length(2);
        for (const address of addresses) expect(output).to.include(`watches ${address}`);
        await expectNothingLeft(addresses);
      }
    } finally {
      await redis.close();
    }
  });

  it('fails where there is no server to show', async () => {
    const { code, output } = await runDemo({ POLICY_STORE: 'nonsense:' });
    expect(code).to.equal(1);
    expect(output).to.include('POLICY_STORE');
  });
});
