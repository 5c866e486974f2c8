import { FIELDS, type FieldName } from '../../../server/src/domain/policy.js';

// What the matrix expects, written by hand from DESIGN section 5 and from the file below: nothing here is worked out by
// the code under test.

/** The access file of the matrix. Every identity is called after its only role, but for the last two. */
export const ACCESS_FILE = `
roles:
  desk_head: { extends: [opportunity_ranker], tighten: [max_positions, allowed_strategies], history: true }
  night_watch: { trip: true }
  second_pair: { restore: others }
  auditor: { history: true, fleet: true }
  scraper: { metrics: true, reflection: true }
  health_monitor: { write: [system_health] }
  strategy_generator: { extends: [strategy_generator], fleet: true }
identities:
  reader: { roles: [reader] }
  writer: { roles: [writer] }
  msc_ai: { roles: [msc_ai] }
  opportunity_ranker: { roles: [opportunity_ranker] }
  continuous_learning: { roles: [continuous_learning] }
  strategy_generator: { roles: [strategy_generator] }
  safety_governor: { roles: [safety_governor] }
  health_monitor: { roles: [health_monitor] }
  orchestrator: { roles: [orchestrator] }
  risk_guard: { roles: [risk_guard] }
  portfolio_balancer: { roles: [portfolio_balancer] }
  ensemble_manager: { roles: [ensemble_manager] }
  executor: { roles: [executor] }
  operator: { roles: [operator] }
  desk_head: { roles: [desk_head] }
  night_watch: { roles: [night_watch] }
  second_pair: { roles: [second_pair] }
  auditor: { roles: [auditor] }
  scraper: { roles: [scraper] }
  nobody: { roles: [] }
  elsewhere: { roles: [{ role: operator, namespaces: [paper] }, { role: msc_ai, namespaces: [paper] }] }
  two_desks: { roles: [msc_ai, opportunity_ranker, night_watch] }
`;

/**
 * w: may change the field as it likes; t: may only tighten it; -: may not change it. Then what it may do besides; all with
 * any of that may read.
 */
const TABLE = `
                     risk_mode
                     |  allowed_strategies
                     |  |  allowed_symbols
                     |  |  |  max_risk_per_trade
                     |  |  |  |  max_positions
                     |  |  |  |  |  global_min_confidence
                     |  |  |  |  |  |  opp_rankings
                     |  |  |  |  |  |  |  model_versions
                     |  |  |  |  |  |  |  |  system_health
                     |  |  |  |  |  |  |  |  |  custom_params
reader               -  -  -  -  -  -  -  -  -  -  read
writer               -  -  -  -  -  -  -  -  -  w  read
msc_ai               w  w  -  w  w  w  -  -  -  w  read
opportunity_ranker   -  -  w  -  -  -  w  -  -  w  read
continuous_learning  -  -  -  -  -  -  -  w  -  w  read
strategy_generator   -  w  -  -  -  -  -  -  -  w  read fleet
safety_governor      t  t  t  t  t  t  t  t  t  w  read fleet trip ttl restore-own
health_monitor       -  -  -  -  -  -  -  -  w  -  read
orchestrator         -  -  -  -  -  -  -  -  -  -  read
risk_guard           -  -  -  -  -  -  -  -  -  -  read
portfolio_balancer   -  -  -  -  -  -  -  -  -  -  read
ensemble_manager     -  -  -  -  -  -  -  -  -  -  read
executor             -  -  -  -  -  -  -  -  -  -  read
operator             w  w  w  w  w  w  w  w  w  w  read fleet trip ttl restore-own restore-others history reflection
desk_head            -  t  w  -  t  -  w  -  -  w  read history
night_watch          -  -  -  -  -  -  -  -  -  -  read trip
second_pair          -  -  -  -  -  -  -  -  -  -  read restore-others
auditor              -  -  -  -  -  -  -  -  -  -  read history fleet
scraper              -  -  -  -  -  -  -  -  -  -  reflection
nobody               -  -  -  -  -  -  -  -  -  -
elsewhere            -  -  -  -  -  -  -  -  -  -  reflection
two_desks            w  w  w  w  w  w  w  -  -  w  read trip
`;

/** Fields whose values are not ordered: no change of them is one that only tightens. */
const UNORDERED: readonly FieldName[] = ['opp_rankings', 'model_versions', 'system_health', 'custom_params'];

export type Towards = 'tighten' | 'loosen';

/** A row of the table. */
export interface Row {
  readonly identity: string;
  readonly may: ReadonlySet<string>;
  mayChange(field: FieldName, towards: Towards): boolean;
}

export const ROWS: readonly Row[] = TABLE.split('\n')
  .filter((line) => /^[a-z]/.test(line))
  .map((line) => {
    const [identity = '', ...words] = line.trim().split(/\s+/);
    const marks = words.slice(0, FIELDS.length);
    return {
      identity,
      may: new Set(words.slice(FIELDS.length)),
      mayChange(field, towards) {
        const mark = marks[FIELDS.indexOf(field)];
        return mark === 'w' || (mark === 't' && towards === 'tighten' && !UNORDERED.includes(field));
      },
    };
  });
