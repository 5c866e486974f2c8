import { isObject } from '../objects.js';
import { type Capacity, checkRoom } from './capacity.js';
import { decide, type Decision, type Found } from './decision.js';
import { checkEntries, checkHalted } from './entry.js';
import { type PolicyView } from './policy-view.js';
import { checkRisk, type Risk } from './risk.js';
import { checkSignal, type Signal } from './signal.js';
import { addInvalid } from './values.js';

/** Opens a position or makes one larger. */
export interface Entry extends Signal, Risk, Capacity {
  readonly kind: 'entry';
}

/**
 * `reduction` makes a position smaller, `exit` to zero, `cancel` takes back an order that is not filled. Only the kind
 * counts: what else is known of it never keeps a position open.
 */
export interface Reduction extends Partial<Signal>, Partial<Risk>, Partial<Capacity> {
  readonly kind: 'reduction' | 'exit' | 'cancel';
}

/** One that turns a position around is two: an exit and an entry. */
export type Trade = Entry | Reduction;

/**
 * May this trade be sent? An entry passes the gates of the orchestrator (`approveSignal`), risk (`validateRisk`) and
 * portfolio (`checkCapacity`), in this order, all of which are heard. Reductions and exits are denied while trading is
 * HALTED and for nothing else; cancels never. The table is in the project's docs/semantics.md, "Trading state".
 *
 * Pure: it reads no clock. It never throws for what a trade holds; what is not a trade is denied as INVALID_INPUT.
 */
export function authorizeTrade(view: PolicyView, trade: Trade): Decision {
  const kind: unknown = isObject(trade) ? trade.kind : undefined;
  switch (kind) {
    case 'entry':
      return decide(view, checkEntry(view, trade as Entry));
    case 'reduction':
    case 'exit':
      return decide(view, checkHalted(view, undefined));
    case 'cancel':
      return view.approval;
    default:
      return decide(view, addInvalid(undefined, 'kind', 'entry, reduction, exit or cancel', kind));
  }
}

function checkEntry(view: PolicyView, entry: Entry): Found {
  let found = checkEntries(view, undefined);
  found = checkSignal(view, entry, found);
  found = checkRisk(view, entry, found);
  return checkRoom(view, entry, found);
}
