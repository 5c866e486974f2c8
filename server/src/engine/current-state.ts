import { View } from '@policystore/client/proto';

import type { Replica } from './replica.js';
import type { CurrentState } from './types.js';

export function currentState(replica: Replica): CurrentState {
  return {
    key: replica.state,
    version: replica.version,
    isPlain: replica.isPlain,
    lastUpdated: replica.commitTime,
    tradingState: replica.tradingState,
    overrides: replica.inForce,
    policy: (view) => (view === View.BASE ? replica.base.policy : replica.effective),
  };
}
