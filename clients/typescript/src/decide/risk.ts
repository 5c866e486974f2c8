import { isObject } from '../objects.js';
import { add, decide, type Decision, type Found } from './decision.js';
import { checkEntries } from './entry.js';
import { type PolicyView } from './policy-view.js';
import { addInvalid, isWithin } from './values.js';

export interface Risk {
  /** The share of equity that the trade may lose, more than 0: one that loses nothing was not worked out. */
  readonly riskPerTrade: number;
}

/**
 * The risk guard's gate: may a position be opened that risks so much? Allowed where entries are and the risk is at most
 * `maxRiskPerTrade` (equal is allowed). Compared as they are: 0.1 + 0.2 is above 0.3.
 */
export function validateRisk(view: PolicyView, risk: Risk): Decision {
  return decide(view, checkRisk(view, risk, checkEntries(view, undefined)));
}

export function checkRisk(view: PolicyView, risk: Risk, found: Found): Found {
  if (!isObject(risk)) return addInvalid(found, 'the risk', 'an object', risk);
  const { riskPerTrade } = risk;
  if (!isWithin(riskPerTrade, Number.MIN_VALUE, Number.MAX_VALUE)) {
    return addInvalid(found, 'riskPerTrade', 'more than 0', riskPerTrade);
  }
  if (riskPerTrade <= view.maxRiskPerTrade) return found;
  const message = `riskPerTrade ${riskPerTrade} is above max_risk_per_trade ${view.maxRiskPerTrade}`;
  return add(found, 'RISK_TOO_HIGH', message);
}
