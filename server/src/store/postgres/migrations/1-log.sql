-- The log and the checkpoint of each namespace. Times are in microseconds since the Unix epoch, by this server's
-- clock; bytes of the log are counted over the bodies. Values are opaque here: nothing is merged or validated.

-- A row of revision 0 is of a namespace that was never created. `oldest` is the revision of the oldest entry kept.
-- `server_started` and `written_by` say which run of which server wrote the row, and in which transaction: see
-- policystore_is_interrupted.
CREATE TABLE policystore_heads (
  namespace text COLLATE "C" PRIMARY KEY,
  epoch text NOT NULL DEFAULT '',
  revision bigint NOT NULL DEFAULT 0,
  id text NOT NULL DEFAULT '',
  commit_time bigint NOT NULL DEFAULT 0,
  oldest bigint NOT NULL DEFAULT 1,
  log_entries bigint NOT NULL DEFAULT 0,
  log_bytes bigint NOT NULL DEFAULT 0,
  server_started timestamptz,
  written_by xid8
) WITH (fillfactor = 50);

CREATE TABLE policystore_fields (
  namespace text COLLATE "C" NOT NULL,
  field text COLLATE "C" NOT NULL,
  value text NOT NULL,
  PRIMARY KEY (namespace, field)
) WITH (fillfactor = 70);

-- `previous` is the id of the entry before, which proves the chain even where that entry was trimmed. `summary` is what
-- people may read of the body.
CREATE TABLE policystore_log (
  namespace text COLLATE "C" NOT NULL,
  revision bigint NOT NULL,
  epoch text NOT NULL,
  id text NOT NULL,
  previous text NOT NULL,
  commit_time bigint NOT NULL,
  body bytea NOT NULL,
  summary jsonb,
  PRIMARY KEY (namespace, revision)
);

-- Whether entries that were acknowledged after this row may be lost. Another run of a server may have begun with less:
-- an older copy of its files, a standby that lagged. And a row that another transaction wrote than it says was put
-- there by a restored dump, or by hand.
CREATE FUNCTION policystore_is_interrupted(revision bigint, server_started timestamptz, written_by xid8, writer xid)
RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT revision > 0 AND (
    server_started IS DISTINCT FROM pg_postmaster_start_time() OR written_by IS NULL OR written_by::xid <> writer
  )
$$;

-- Entries of the revisions first_revision to last_revision, ascending: at most max_entries, and max_bytes of bodies, but
-- one if there is one.
CREATE FUNCTION policystore_page(
  of_namespace text, first_revision bigint, last_revision bigint, max_entries bigint, max_bytes bigint
) RETURNS SETOF policystore_log LANGUAGE sql STABLE AS $$
  SELECT namespace, revision, epoch, id, previous, commit_time, body, summary
  FROM (
    SELECT entry.*, row_number() OVER sized AS place, sum(octet_length(body)) OVER sized AS bytes
    FROM (
      SELECT * FROM policystore_log
      WHERE namespace = of_namespace AND revision BETWEEN first_revision AND last_revision
      ORDER BY revision LIMIT max_entries
    ) AS entry
    WINDOW sized AS (ORDER BY revision ROWS UNBOUNDED PRECEDING)
  ) AS measured
  WHERE place = 1 OR bytes <= max_bytes
  ORDER BY revision
$$;

-- The same from last_revision down to first_revision; at least min_entries, if there are so many.
CREATE FUNCTION policystore_page_down(
  of_namespace text, first_revision bigint, last_revision bigint, max_entries bigint, max_bytes bigint, min_entries bigint
) RETURNS SETOF policystore_log LANGUAGE sql STABLE AS $$
  SELECT namespace, revision, epoch, id, previous, commit_time, body, summary
  FROM (
    SELECT entry.*, row_number() OVER sized AS place, sum(octet_length(body)) OVER sized AS bytes
    FROM (
      SELECT * FROM policystore_log
      WHERE namespace = of_namespace AND revision BETWEEN first_revision AND last_revision
      ORDER BY revision DESC LIMIT max_entries
    ) AS entry
    WINDOW sized AS (ORDER BY revision DESC ROWS UNBOUNDED PRECEDING)
  ) AS measured
  WHERE place <= min_entries OR bytes <= max_bytes
  ORDER BY revision DESC
$$;

-- What came after a revision: a row of kind 'head' or 'interrupted' with the head, none of a namespace that was never
-- created, then rows of kind 'entry', as policystore_page gives them.
CREATE FUNCTION policystore_after(of_namespace text, after_revision bigint, max_entries bigint, max_bytes bigint)
RETURNS TABLE (kind text, epoch text, revision bigint, id text, previous text, commit_time bigint, body bytea)
LANGUAGE sql STABLE AS $$
  SELECT
    CASE WHEN policystore_is_interrupted(head.revision, head.server_started, head.written_by, head.xmin)
    THEN 'interrupted' ELSE 'head' END,
    head.epoch, head.revision, head.id, NULL, head.commit_time, NULL
  FROM policystore_heads AS head WHERE head.namespace = of_namespace
  UNION ALL
  SELECT 'entry', entry.epoch, entry.revision, entry.id, entry.previous, entry.commit_time, entry.body
  FROM policystore_page(of_namespace, after_revision + 1, 9223372036854775807, max_entries, max_bytes) AS entry
$$;

-- Appends entries to the log and writes the fields that they change, if the head is the expected one; without entries
-- it only compares. While the store is interrupted it takes only entries the first of which begins a new epoch.
-- Gives one row of kind 'committed' with the commit time of the first entry (without entries: of the head), or what
-- policystore_after gives after the expected revision.
-- max_age is in microseconds; null: however old an entry is.
CREATE FUNCTION policystore_commit(
  of_namespace text, expected_id text, expected_revision bigint,
  epochs text[], revisions bigint[], ids text[], bodies bytea[], summaries jsonb[],
  set_fields text[], set_values text[], deleted_fields text[],
  log_max_entries bigint, log_max_bytes bigint, log_max_age bigint,
  max_entries bigint, max_bytes bigint
)
RETURNS TABLE (kind text, epoch text, revision bigint, id text, previous text, commit_time bigint, body bytea)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  -- What bounds that were just set make superfluous goes over several commits.
  max_trimmed CONSTANT bigint := 10000;
  added CONSTANT bigint := cardinality(ids);
  head record;
  begins_epoch boolean;
  now_micros bigint;
  first_time bigint;
  entries bigint;
  bytes bigint;
  fewest bigint;
  kept_from bigint;
  candidate record;
BEGIN
  IF added = 0 THEN
    SELECT found.*, policystore_is_interrupted(found.revision, found.server_started, found.written_by, found.xmin)
        AS interrupted
      INTO head FROM policystore_heads AS found WHERE found.namespace = of_namespace;
  ELSE
    LOOP
      SELECT found.*, policystore_is_interrupted(found.revision, found.server_started, found.written_by, found.xmin)
          AS interrupted
        INTO head FROM policystore_heads AS found WHERE found.namespace = of_namespace FOR UPDATE;
      EXIT WHEN FOUND;
      INSERT INTO policystore_heads (namespace) VALUES (of_namespace) ON CONFLICT DO NOTHING;
    END LOOP;
  END IF;

  begins_epoch := added > 0 AND epochs[1] <> COALESCE(head.epoch, '');
  IF COALESCE(head.id, '') <> expected_id OR (head.interrupted AND NOT begins_epoch) THEN
    RETURN QUERY SELECT * FROM policystore_after(of_namespace, expected_revision, max_entries, max_bytes);
    RETURN;
  END IF;
  IF added = 0 THEN
    RETURN QUERY SELECT 'committed', NULL, NULL::bigint, NULL, NULL, COALESCE(head.commit_time, 0), NULL::bytea;
    RETURN;
  END IF;

  now_micros := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
  first_time := greatest(now_micros, head.commit_time + 1);
  INSERT INTO policystore_log (namespace, revision, epoch, id, previous, commit_time, body, summary)
    SELECT of_namespace, e.revision, e.epoch, e.id, COALESCE(lag(e.id) OVER (ORDER BY place), head.id),
      first_time + place - 1, e.body, e.summary
    FROM unnest(epochs, revisions, ids, bodies, summaries)
      WITH ORDINALITY AS e (epoch, revision, id, body, summary, place);
  IF cardinality(deleted_fields) > 0 THEN
    DELETE FROM policystore_fields WHERE namespace = of_namespace AND field = ANY (deleted_fields);
  END IF;
  IF cardinality(set_fields) > 0 THEN
    INSERT INTO policystore_fields (namespace, field, value)
      SELECT of_namespace, w.field, w.value FROM unnest(set_fields, set_values) AS w (field, value)
      ON CONFLICT (namespace, field) DO UPDATE SET value = excluded.value;
  END IF;

  entries := head.log_entries + added;
  bytes := head.log_bytes + (SELECT sum(octet_length(b)) FROM unnest(bodies) AS b);
  fewest := greatest(1, entries - max_trimmed);
  kept_from := CASE WHEN head.log_entries = 0 THEN revisions[1] ELSE head.oldest END;
  IF entries > log_max_entries OR bytes > log_max_bytes OR log_max_age IS NOT NULL THEN
    FOR candidate IN
      SELECT l.revision, octet_length(l.body) AS size, l.commit_time FROM policystore_log AS l
      WHERE l.namespace = of_namespace AND l.revision >= kept_from ORDER BY l.revision LIMIT max_trimmed + 1
    LOOP
      kept_from := candidate.revision;
      EXIT WHEN entries <= fewest OR (
        entries > log_max_entries OR bytes > log_max_bytes OR candidate.commit_time < now_micros - log_max_age
      ) IS NOT TRUE;
      entries := entries - 1;
      bytes := bytes - candidate.size;
    END LOOP;
    -- From the oldest on: what was deleted before is walked through until it is vacuumed.
    DELETE FROM policystore_log AS l
      WHERE l.namespace = of_namespace AND l.revision >= head.oldest AND l.revision < kept_from;
  END IF;

  UPDATE policystore_heads AS h SET
    epoch = epochs[added], revision = revisions[added], id = ids[added], commit_time = first_time + added - 1,
    oldest = kept_from, log_entries = entries, log_bytes = bytes,
    server_started = pg_postmaster_start_time(), written_by = pg_current_xact_id()
  WHERE h.namespace = of_namespace;
  PERFORM pg_notify('policystore', of_namespace);
  RETURN QUERY SELECT 'committed', NULL, NULL::bigint, NULL, NULL, first_time, NULL::bytea;
END
$$;
