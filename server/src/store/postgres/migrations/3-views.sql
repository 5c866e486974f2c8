-- What people and their tools read: the views policy_store and policy_changes. A role needs SELECT on them, and nothing
-- else: the functions below touch no tables, and are bound when they are created, whatever the reader's search_path is.

-- JSON text as jsonb: U+FFFD is in the place of NUL and of lone halves of surrogate pairs, which JSON can hold and no text
-- here. An escaped backslash begins neither; that it is chr(1) meanwhile meets nothing, for JSON escapes control characters.
CREATE FUNCTION policystore_jsonb(json text) RETURNS jsonb LANGUAGE sql IMMUTABLE
RETURN replace(
  regexp_replace(replace(json, '\\', chr(1)), '\\u(0000|d[89a-f][0-9a-f]{2})', U&'\FFFD', 'g'),
  chr(1), '\\'
)::jsonb;

-- The least of some numbers.
CREATE FUNCTION policystore_least(numbers jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE
RETURN (SELECT number FROM jsonb_array_elements(numbers) AS number ORDER BY number LIMIT 1);

-- The greatest of some numbers.
CREATE FUNCTION policystore_greatest(numbers jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE
RETURN (SELECT number FROM jsonb_array_elements(numbers) AS number ORDER BY number DESC LIMIT 1);

-- The first of some names in the order from strict to loose. One that is not known could be the strictest.
CREATE FUNCTION policystore_strictest(strict_to_loose text[], names jsonb) RETURNS text LANGUAGE sql IMMUTABLE
RETURN (
  SELECT strict_to_loose[min(COALESCE(array_position(strict_to_loose, name #>> '{}'), 1))]
  FROM jsonb_array_elements(names) AS name
);

-- Names without those that are blocked, in their order.
CREATE FUNCTION policystore_without(names jsonb, blocked jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE
RETURN (
  SELECT COALESCE(jsonb_agg(name ORDER BY place), '[]')
  FROM jsonb_array_elements(names) WITH ORDINALITY AS listed (name, place)
  WHERE name NOT IN (SELECT jsonb_array_elements(blocked))
);

-- The trading state under these overrides.
CREATE FUNCTION policystore_trading_state(overrides jsonb) RETURNS text LANGUAGE sql IMMUTABLE
RETURN policystore_strictest(
  '{HALTED,REDUCE_ONLY,ACTIVE}', jsonb_path_query_array(overrides, '$[*].limits.trading_state') || '["ACTIVE"]'
);

-- A base policy tightened by the overrides: each field is as strict as the strictest of them.
CREATE FUNCTION policystore_effective(base jsonb, overrides jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE
RETURN base || jsonb_build_object(
  'risk_mode', policystore_strictest(
    '{DEFENSIVE,NORMAL,AGGRESSIVE}',
    jsonb_path_query_array(overrides, '$[*].limits.risk_mode') || (base -> 'risk_mode')
  ),
  'allowed_strategies', CASE WHEN overrides @> '[{"limits": {"block_all_strategies": true}}]' THEN '[]' ELSE
    policystore_without(
      base -> 'allowed_strategies', jsonb_path_query_array(overrides, '$[*].limits.block_strategies[*]')
    )
  END,
  'allowed_symbols', policystore_without(
    base -> 'allowed_symbols', jsonb_path_query_array(overrides, '$[*].limits.block_symbols[*]')
  ),
  'max_risk_per_trade', policystore_least(
    jsonb_path_query_array(overrides, '$[*].limits.max_risk_per_trade') || (base -> 'max_risk_per_trade')
  ),
  'max_positions', policystore_least(
    jsonb_path_query_array(overrides, '$[*].limits.max_positions') || (base -> 'max_positions')
  ),
  'global_min_confidence', policystore_greatest(
    jsonb_path_query_array(overrides, '$[*].limits.global_min_confidence') || (base -> 'global_min_confidence')
  ),
  'trading_state', policystore_trading_state(overrides),
  'overrides', overrides
);

-- Exact to the microsecond.
CREATE FUNCTION policystore_time(micros bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE
RETURN (timestamp 'epoch' + micros * interval '1 microsecond') AT TIME ZONE 'UTC';

-- Each namespace as it is: policy_json is what is in force, base_json what the overrides tighten.
CREATE VIEW policy_store AS
  SELECT head.namespace,
    policystore_effective(base || updated, overrides) AS policy_json,
    base || updated AS base_json,
    head.epoch, head.revision, head.epoch || ':' || head.revision AS version,
    policystore_trading_state(overrides) AS trading_state,
    last_updated
  FROM policystore_heads AS head
  CROSS JOIN LATERAL policystore_time(head.commit_time) AS last_updated
  CROSS JOIN LATERAL jsonb_build_object(
    'last_updated', to_char(last_updated AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  ) AS updated
  CROSS JOIN LATERAL (
    SELECT
      jsonb '{"allowed_strategies": [], "allowed_symbols": [], "system_health": {}, "custom_params": {}}'
      || jsonb_object_agg(
        field, CASE field WHEN 'risk_mode' THEN to_jsonb(value) ELSE policystore_jsonb(value) END
      ) FILTER (WHERE strpos(field, ':') = 0 AND NOT starts_with(field, '@'))
      || jsonb_build_object(
        'opp_rankings', COALESCE(jsonb_object_agg(substr(field, 14), value::jsonb)
          FILTER (WHERE starts_with(field, 'opp_rankings:')), '{}'),
        'model_versions', COALESCE(jsonb_object_agg(substr(field, 16), value)
          FILTER (WHERE starts_with(field, 'model_versions:')), '{}')
      ) AS base,
      COALESCE(jsonb_agg(policystore_jsonb(value) ORDER BY field)
        FILTER (WHERE starts_with(field, '@override:')), '[]') AS overrides
    FROM policystore_fields AS stored WHERE stored.namespace = head.namespace
  ) AS stored
  WHERE head.revision > 0;

-- What the log still holds, change by change: what each did to the base, and which overrides it touched, if any.
CREATE VIEW policy_changes AS
  SELECT namespace, revision, epoch, epoch || ':' || revision AS version,
    policystore_time(commit_time) AS commit_time,
    summary ->> 'kind' AS kind, summary ->> 'actor' AS actor, summary ->> 'reason' AS reason,
    summary ->> 'requestId' AS request_id,
    ARRAY(SELECT jsonb_object_keys(summary -> 'changes') COLLATE "C" AS field ORDER BY field) AS fields,
    summary -> 'changes' AS changes,
    summary -> 'overrides' AS overrides
  FROM policystore_log;
