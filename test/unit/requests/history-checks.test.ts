import { ListChangesRequest } from '@policystore/client/proto';
import { expect } from 'chai';

import { checkListChanges } from '../../../server/src/requests/history-checks.js';

describe('the time range of a ListChanges', () => {
  const at = (nanos: number) => ({ seconds: 1, nanos });

  it('holds no change that was committed before it or after it, though changes are timed by the microsecond', () => {
    const query = checkListChanges(ListChangesRequest.create({ from: at(1_001), to: at(4_999) }));
    expect(query).to.include({ from: 1_000_002, to: 1_000_004 });
  });

  it('holds both of its ends', () => {
    const query = checkListChanges(ListChangesRequest.create({ from: at(2_000), to: at(4_000) }));
    expect(query).to.include({ from: 1_000_002, to: 1_000_004 });
  });
});
