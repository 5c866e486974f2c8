import { type Policy, readRiskMode, readTradingState } from '../policy.js';
import { type Override, RiskMode, TradingState, View } from '../proto.js';
import { type Current } from '../results.js';
import { type Version } from '../version.js';
import { approve, type Decision } from './decision.js';

/**
 * A policy ready to decide on: look-ups cost the same whatever its size. It never changes. Made by a live policy, of a
 * Get by `viewOf`, or by `createView`.
 */
export interface PolicyView {
  /** The version of the policy. Of one that has not come yet: epoch '' and revision 0. */
  readonly version: Version;
  /** The policy may no longer be believed: no entries. */
  readonly isStale: boolean;
  /** What holds now: of a stale view REDUCE_ONLY, or HALTED where the policy says so. */
  readonly tradingState: TradingState;
  readonly riskMode: RiskMode;
  /** The share of equity that one trade may lose, in (0, 1]. */
  readonly maxRiskPerTrade: number;
  /** How many positions may be open at once, in [1, 100]. */
  readonly maxPositions: number;
  /** The least confidence a signal needs, in [0, 1]. */
  readonly globalMinConfidence: number;
  /** May open positions. Empty: none may. */
  readonly allowedStrategies: ReadonlySet<string>;
  /** May be traded. Empty: none may. */
  readonly allowedSymbols: ReadonlySet<string>;
  /** Symbol to opportunity score in [0, 1]. */
  readonly oppRankings: ReadonlyMap<string, number>;
  /** Model to the version in production. */
  readonly modelVersions: ReadonlyMap<string, string>;
  readonly overrides: readonly Override[];
  /** The policy it was made of, as it was sent. */
  readonly policy: Policy;
  /** What a gate answers that has nothing against it: one object, so that deciding allocates nothing. */
  readonly approval: Decision;
}

/** @param before Shares its sets where the policies share the lists, as two do of which one is folded onto the other. */
export function createView(policy: Policy, version: Version, before?: PolicyView): PolicyView {
  return makeView({
    isStale: false,
    tradingState: readTradingState(policy.tradingState),
    allowedStrategies:
      before?.policy.allowedStrategies === policy.allowedStrategies
        ? before.allowedStrategies
        : new Set(policy.allowedStrategies),
    allowedSymbols:
      before?.policy.allowedSymbols === policy.allowedSymbols
        ? before.allowedSymbols
        : new Set(policy.allowedSymbols),
    policy,
    approval: approve(version),
  });
}

type Parts = Pick<
  PolicyView,
  'isStale' | 'tradingState' | 'allowedStrategies' | 'allowedSymbols' | 'policy' | 'approval'
>;

/** All views are made here, so that the engine sees one shape and gates stay quick. */
function makeView({ isStale, tradingState, policy, approval, ...sets }: Parts): PolicyView {
  return Object.freeze({
    version: approval.version,
    isStale,
    tradingState,
    riskMode: readRiskMode(policy.riskMode),
    maxRiskPerTrade: policy.maxRiskPerTrade,
    maxPositions: policy.maxPositions,
    globalMinConfidence: policy.globalMinConfidence,
    allowedStrategies: sets.allowedStrategies,
    allowedSymbols: sets.allowedSymbols,
    oppRankings: policy.oppRankings,
    modelVersions: policy.modelVersions,
    overrides: policy.overrides,
    policy,
    approval,
  });
}

const staleViews = new WeakMap<PolicyView, PolicyView>();

/** The same past its lease: the trading state is REDUCE_ONLY, or stays HALTED; all else stays. Made once per view. */
export function staleView(view: PolicyView): PolicyView {
  if (view.isStale) return view;
  let stale = staleViews.get(view);
  if (stale === undefined) {
    const halted = view.tradingState === TradingState.HALTED;
    const tradingState = halted ? TradingState.HALTED : TradingState.REDUCE_ONLY;
    stale = makeView({ ...view, isStale: true, tradingState });
    staleViews.set(view, stale);
  }
  return stale;
}

/** What holds as long as no policy has come: no entries, for nothing is known. */
export const NO_POLICY: PolicyView = staleView(
  createView(
    {
      riskMode: RiskMode.DEFENSIVE,
      allowedStrategies: [],
      allowedSymbols: [],
      maxRiskPerTrade: 0,
      maxPositions: 0,
      globalMinConfidence: 1,
      oppRankings: new Map(),
      modelVersions: new Map(),
      systemHealth: {},
      customParams: {},
      lastUpdated: undefined,
      tradingState: TradingState.REDUCE_ONLY,
      overrides: [],
    },
    Object.freeze({ epoch: '', revision: 0 }),
  ),
);

const viewsOfPolicies = new WeakMap<Policy, PolicyView>();

/**
 * The view of what a Get answered; past its `validForMs` a stale one. The sets are made once per policy object.
 *
 * @param now On the clock of `performance.now()`. Default: now.
 * @throws TypeError for the base, in which no stop counts: what is decided on is the effective policy.
 */
export function viewOf(
  { policy, version, validForMs, sentAt, view: kind }: Omit<Current, 'notModified'>,
  now: number = performance.now(),
): PolicyView {
  if (kind === View.BASE) {
    throw new TypeError('this is the base, without overrides; decide on what get answers without view');
  }
  const before = viewsOfPolicies.get(policy);
  let view = before;
  if (view?.version.revision !== version.revision || view.version.epoch !== version.epoch) {
    view = createView(policy, version, before);
    viewsOfPolicies.set(policy, view);
  }
  return now < sentAt + validForMs ? view : staleView(view);
}
