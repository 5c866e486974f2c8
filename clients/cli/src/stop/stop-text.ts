import { messageOf } from '../explain.js';
import { type Palette } from '../output/palette.js';
import { openPoints, receiptJson, serverCount, tally } from '../output/receipt.js';
import { count, durationText } from '../output/text.js';
import { type Reached } from './follow-receipt.js';
import { outcomeJson, type Stop } from './stop.js';

/** `197 of 200 stopped in 38 ms; exec-7 rejected (no broker); exec-9 silent, safe in 8.1 s` */
export function reachedText(
  { namespace, stopsTrading }: Stop,
  { receipt, ms, error }: Reached,
  palette: Palette,
): string {
  const where = palette.strong(namespace);
  if (!receipt)
    return `${where}: ${palette.warn(`in force; no receipt: ${error ? messageOf(error) : 'no server gave one'}`)}`;
  const { applied, of } = tally(receipt);
  const servers = count(serverCount(receipt), 'server');
  const took = durationText(ms);
  const done =
    of === 0
      ? `in force on ${servers} in ${took}; no program is connected that could say so`
      : `${applied} of ${of} ${stopsTrading ? 'stopped' : 'applied it'} in ${took} (${servers})`;
  const color = receipt.appliedEverywhere ? palette.good : palette.warn;
  return `${where}: ${color([done, ...openPoints(receipt)].join('; '))}`;
}

export function stopJson(stop: Stop, reached: Reached | undefined) {
  const { receipt, ms = 0, error } = reached ?? {};
  return {
    namespace: stop.namespace,
    in_force: stop.failure === undefined,
    pending: stop.isPending,
    addresses: stop.outcomes.map(outcomeJson),
    ...(receipt && { ...tally(receipt), ms: Math.round(ms), receipt: receiptJson(receipt) }),
    ...(error && { receipt_error: messageOf(error) }),
  };
}
