import { isObject } from '../objects.js';
import { add, decide, type Decision, type Found } from './decision.js';
import { checkEntries, imposedBy } from './entry.js';
import { type PolicyView } from './policy-view.js';
import { addInvalid, describe, isName, isWithin } from './values.js';

/** What a strategy proposes to open. */
export interface Signal {
  readonly strategy: string;
  readonly symbol: string;
  /** In [0, 1]. */
  readonly confidence: number;
  /** The least opportunity score that the symbol must have, in [0, 1]. Default: it need not be ranked. */
  readonly minRanking?: number | undefined;
}

/**
 * The orchestrator's gate: may this signal open a position, as far as it goes? Allowed where entries are, the strategy
 * and the symbol are listed, the confidence is at least `globalMinConfidence` (equal is enough), and, where `minRanking`
 * is given, the symbol is ranked at least so high (equal is enough).
 */
export function approveSignal(view: PolicyView, signal: Signal): Decision {
  return decide(view, checkSignal(view, signal, checkEntries(view, undefined)));
}

export function checkSignal(view: PolicyView, signal: Signal, found: Found): Found {
  if (!isObject(signal)) return addInvalid(found, 'the signal', 'an object', signal);
  const { strategy, symbol, confidence, minRanking } = signal;
  let reasons = checkStrategy(view, strategy, found);
  reasons = checkSymbol(view, symbol, reasons);
  reasons = checkConfidence(view, confidence, reasons);
  return minRanking === undefined ? reasons : checkRanking(view, symbol, minRanking, reasons);
}

function checkStrategy(view: PolicyView, strategy: string, found: Found): Found {
  if (!isName(strategy)) return addInvalid(found, 'strategy', 'a name', strategy);
  if (view.allowedStrategies.has(strategy)) return found;
  const because = imposedBy(
    view,
    ({ blockAllStrategies, blockStrategies }) => blockAllStrategies || blockStrategies.includes(strategy),
  );
  const message = `strategy ${describe(strategy)} is not in allowed_strategies${because}`;
  return add(found, 'STRATEGY_NOT_ALLOWED', message);
}

function checkSymbol(view: PolicyView, symbol: string, found: Found): Found {
  if (!isName(symbol)) return addInvalid(found, 'symbol', 'a name', symbol);
  if (view.allowedSymbols.has(symbol)) return found;
  const because = imposedBy(view, ({ blockSymbols }) => blockSymbols.includes(symbol));
  return add(found, 'SYMBOL_NOT_ALLOWED', `symbol ${describe(symbol)} is not in allowed_symbols${because}`);
}

function checkConfidence(view: PolicyView, confidence: number, found: Found): Found {
  if (!isWithin(confidence, 0, 1)) return addInvalid(found, 'confidence', 'within 0 and 1', confidence);
  if (confidence >= view.globalMinConfidence) return found;
  const message = `confidence ${confidence} is below global_min_confidence ${view.globalMinConfidence}`;
  return add(found, 'CONFIDENCE_TOO_LOW', message);
}

function checkRanking(view: PolicyView, symbol: string, minRanking: number, found: Found): Found {
  if (!isWithin(minRanking, 0, 1)) return addInvalid(found, 'minRanking', 'within 0 and 1', minRanking);
  // What is no name was told above.
  if (!isName(symbol)) return found;
  const ranking = view.oppRankings.get(symbol);
  if (ranking !== undefined && ranking >= minRanking) return found;
  if (ranking === undefined) {
    const message = `symbol ${describe(symbol)} is not in opp_rankings; ${minRanking} is asked for`;
    return add(found, 'SYMBOL_NOT_RANKED', message);
  }
  const message = `symbol ${describe(symbol)} is ranked ${ranking}, below ${minRanking}`;
  return add(found, 'RANKING_TOO_LOW', message);
}
