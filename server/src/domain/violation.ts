/** One field that breaks a rule. */
export interface Violation {
  /** The path in the contract's names: `max_positions`, `opp_rankings.BTCUSDT`, `custom_params.a.b`. */
  readonly field: string;
  /** The rule in words, and how to keep it. */
  readonly description: string;
}
