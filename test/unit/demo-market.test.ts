import { expect } from 'chai';

import { Book } from '../demo/market/book.js';
import { clockTime, DAY_MINUTES } from '../demo/market/day-time.js';
import { Market } from '../demo/market/market.js';
import { createRandom } from '../demo/market/random.js';
import { planDay } from '../demo/market/regimes.js';
import { propose } from '../demo/market/signals.js';

function tradeDay(seed: number): string[] {
  const random = createRandom(seed);
  const market = new Market(random);
  return Array.from({ length: DAY_MINUTES }, (_, minute) => {
    market.advance(minute);
    return JSON.stringify([...market.prices, propose(random, market.phase, 6)]);
  });
}

describe('the market of the demo', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(tradeDay(7)).to.deep.equal(tradeDay(7));
    expect(tradeDay(8)).to.not.deep.equal(tradeDay(7));
  });

  it('goes through all kinds of regimes, and slides at noon', () => {
    for (const seed of [0, 1, 2 ** 32 - 1]) {
      const phases = planDay(createRandom(seed));
      expect(phases[0]?.from).to.equal(0);
      const starts = phases.map(({ from }) => from);
      expect(starts).to.deep.equal([...starts].sort((a, b) => a - b));
      expect(new Set(phases.map(({ volatility }) => volatility))).to.have.all.keys('low', 'normal', 'high');
      expect(new Set(phases.map(({ trend }) => trend))).to.have.all.keys('trending', 'choppy');
      const slide = phases.find(({ name }) => name === 'a slide');
      expect(clockTime(slide!.from)).to.match(/^12:/);
    }
  });

  it('draws numbers that are spread over their range', () => {
    const random = createRandom(1);
    const numbers = Array.from({ length: 10_000 }, () => random.next());
    expect(Math.min(...numbers)).to.be.within(0, 0.01);
    expect(Math.max(...numbers)).to.be.within(0.99, 0.9999999999);
    expect(numbers.reduce((sum, each) => sum + each) / numbers.length).to.be.within(0.49, 0.51);
  });
});

describe('the book of the demo', () => {
  const proposal = { strategy: 's', symbol: 'A', confidence: 1, riskPerTrade: 0.05, minRanking: undefined };

  function bookAt(price: number): Book {
    const book = new Book();
    book.mark(new Map([['A', price]]));
    return book;
  }

  it('values what is open, and tells the drawdown from the highest equity', () => {
    const book = bookAt(100);
    book.send('e', proposal, 1);
    for (const order of book.ordersOf('e')) book.fill(order, 1);
    book.mark(new Map([['A', 110]]));
    expect(book.gain).to.be.closeTo(0.1, 1e-9);
    book.mark(new Map([['A', 99]]));
    expect(book.drawdown).to.be.closeTo(0.1, 1e-9);
    expect(book.gain).to.be.closeTo(-0.01, 1e-9);
    for (const position of book.positions) book.exit(position);
    book.mark(new Map([['A', 110]]));
    expect(book.gain, 'after the exit').to.be.closeTo(-0.01, 1e-9);
    expect(book.deepestDrawdown).to.be.closeTo(0.1, 1e-9);
  });

  it('keeps the place of an entry that is being decided', async () => {
    const book = bookAt(100);
    const open: number[] = [];
    const decide = async (openPositions: number): Promise<boolean> => {
      open.push(openPositions);
      return false;
    };
    await Promise.all([book.reserve(decide), book.reserve(decide)]);
    expect(open).to.deep.equal([0, 1]);
    expect(book.openPositions).to.equal(0);
  });

  it('counts what rests, and forgets what is taken back', () => {
    const book = bookAt(100);
    book.send('e', proposal, 2);
    expect(book.openPositions).to.equal(1);
    expect(book.ordersOf('somebody else')).to.deep.equal([]);
    for (const order of book.ordersOf('e')) book.cancel(order);
    expect(book.openPositions).to.equal(0);
  });

  it('sells a part', () => {
    const book = bookAt(100);
    book.send('e', proposal, 0);
    for (const order of book.ordersOf('e')) book.fill(order, 0);
    const [position] = book.positions;
    book.reduce(position!, 0.75);
    book.mark(new Map([['A', 200]]));
    expect(book.gain).to.be.closeTo(0.75, 1e-9);
  });
});
