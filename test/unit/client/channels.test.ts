import { expect } from 'chai';

import { Channels, type Route } from '../../../clients/typescript/src/channels.js';
import { closeAfterEach } from '../../support/closing.js';

const ADDRESSES = ['a:1', 'b:1', 'c:1', 'd:1'];

describe('the channels of a client', () => {
  const keep = closeAfterEach();
  const open = (addresses = ADDRESSES) =>
    keep(new Channels(addresses), (channels) => {
      channels.close();
    });

  /** The addresses that a route goes through as none of them does. */
  function follow(route: Route, count: number): string[] {
    return Array.from({ length: count }, () => {
      const channel = route.use();
      channel.leave();
      return channel.address;
    });
  }

  it('are used one as long as it works, then the next', () => {
    const channels = open();

    expect([channels.use().address, channels.use().address]).to.deep.equal(['a:1', 'a:1']);
    expect(follow(channels, 5)).to.deep.equal(['a:1', 'b:1', 'c:1', 'd:1', 'a:1']);
  });

  it('are left once, however many find out', () => {
    const channels = open();
    const [one, other] = [channels.use(), channels.use()];

    one.leave();
    other.leave();

    expect(channels.use().address).to.equal('b:1');
  });

  it('are left too where all were called', () => {
    const channels = open();

    channels.all()[2]!.use().leave();
    expect(channels.use().address).to.equal('a:1');
    channels.all()[0]!.use().leave();

    expect(channels.use().address).to.equal('b:1');
  });

  it('begin anywhere and go on anywhere else when they are scattered', () => {
    const begun = new Set<string>();
    for (let i = 0; i < 200; i += 1) {
      const path = follow(
        open().scatter(() => Math.random()),
        20,
      );
      begun.add(path[0]!);
      path.slice(1).forEach((address, at) => {
        expect(address).to.not.equal(path[at]);
      });
    }

    expect([...begun].sort()).to.deep.equal(ADDRESSES);
  });

  it('are scattered over one address too', () => {
    expect(
      follow(
        open(['a:1']).scatter(() => 0.99),
        3,
      ),
    ).to.deep.equal(['a:1', 'a:1', 'a:1']);
  });

  it('are not left by others where one route leaves them', () => {
    const channels = open();
    const route = channels.scatter(() => 0);

    route.use().leave();

    expect([route.use().address, channels.use().address]).to.deep.equal(['b:1', 'a:1']);
  });

  it('are only some where only some are asked for', () => {
    const route = open().among(['d:1', 'b:1']);

    expect(route.size).to.equal(2);
    expect(follow(route, 3)).to.deep.equal(['b:1', 'd:1', 'b:1']);
  });

  it('share a connection until that is renewed, which happens once', () => {
    const channels = open();
    const [one, other] = [channels.use(), channels.scatter(() => 0).use()];
    expect(other.policy).to.equal(one.policy);

    one.renew();
    const next = channels.use();
    other.renew();

    expect(next.policy).to.not.equal(one.policy);
    expect(channels.use().policy).to.equal(next.policy);
  });
});
