// Holds a live policy until it is killed, and looks at it all the time. Arguments: addresses. Prints what it finds whenever
// that changes, and what it found first after it had stood still.
import { authorizeTrade, type Entry, PolicyClient } from '@policystore/client';

const [, , addresses = ''] = process.argv;

const client = new PolicyClient({ addresses, name: 'executor' });
const live = client.live();
const entry: Entry = {
  kind: 'entry',
  strategy: 'trend',
  symbol: 'BTCUSDT',
  confidence: 1,
  riskPerTrade: 0.001,
  openPositions: 0,
};

function look(): string {
  const { allowed, reasons } = authorizeTrade(live.current, entry);
  return allowed ? 'allowed' : reasons.map(({ code }) => code).join();
}

let before = '';
let at = performance.now();
setInterval(() => {
  const found = look();
  const now = performance.now();
  if (now - at > 500) process.stdout.write(`woke: ${found}\n`);
  else if (found !== before) process.stdout.write(`${found}\n`);
  before = found;
  at = now;
}, 10);
