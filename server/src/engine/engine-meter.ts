import type { ChangeKind, RiskMode, TradingState } from '@policystore/client/proto';

/** What the engine counts as it goes. What can be asked for at any time is in NamespaceStats instead. */
export interface EngineMeter {
  /** What readers of this replica get from now on. */
  inForce(event: { namespace: string; riskMode: RiskMode; tradingState: TradingState }): void;
  /** A change that this replica holds from now on, whoever committed it. */
  changed(event: { namespace: string; kind: ChangeKind; actor: string }): void;
  /** Another epoch holds from now on: the store may have lost something. */
  epochChanged(event: { namespace: string }): void;
  /** The store has answered for a batch of writes. `changes` is 0 where it was only asked what holds. */
  committed(event: { namespace: string; changes: number; ms: number }): void;
  /** A watcher says that it runs what this replica has had for so long. */
  applied(event: { namespace: string; ms: number }): void;
}
