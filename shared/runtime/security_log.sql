-- The security log: who signed in, saw, looked up, exported, was refused, and changed staff or keys. It only grows.
-- Run once by the owner of the database, after directory.sql; running it again changes nothing.

CREATE SCHEMA IF NOT EXISTS security;

CREATE TABLE IF NOT EXISTS security.entry (
    id bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    writer text NOT NULL,
    kind text NOT NULL,
    actor text NOT NULL,
    role text,
    pack text,
    reference text,
    address text,
    detail jsonb NOT NULL,
    hash bytea NOT NULL
);
COMMENT ON TABLE security.entry IS 'Lines are never changed or removed. No texts and no contacts of customers.';
COMMENT ON COLUMN security.entry.writer IS 'The database role that wrote it, which no writer can choose.';
COMMENT ON COLUMN security.entry.hash IS 'SHA-256 of the hash before and of this line: what was edited or removed breaks the chain.';
CREATE INDEX IF NOT EXISTS entry_actor ON security.entry (actor, id);
CREATE INDEX IF NOT EXISTS entry_reference ON security.entry (reference, id) WHERE reference IS NOT NULL;

CREATE TABLE IF NOT EXISTS security.head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    last_id bigint NOT NULL,
    hash bytea NOT NULL
);
COMMENT ON TABLE security.head IS 'The end of the chain, so that lines missing at the end are noticed too.';
INSERT INTO security.head (last_id, hash) VALUES (0, '') ON CONFLICT DO NOTHING;

REVOKE ALL ON SCHEMA security FROM PUBLIC;
GRANT USAGE ON SCHEMA security TO PUBLIC;
REVOKE ALL ON security.entry, security.head FROM PUBLIC;

CREATE OR REPLACE FUNCTION security.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the security log is not changed';
END $$;
DROP TRIGGER IF EXISTS entry_stays ON security.entry;
CREATE TRIGGER entry_stays BEFORE UPDATE OR DELETE ON security.entry FOR EACH ROW EXECUTE FUNCTION security.refuse();
DROP TRIGGER IF EXISTS entries_stay ON security.entry;
CREATE TRIGGER entries_stay BEFORE TRUNCATE ON security.entry FOR EACH STATEMENT EXECUTE FUNCTION security.refuse();

CREATE OR REPLACE FUNCTION security.hash_of(
    before bytea, id bigint, at timestamptz, writer text, kind text, actor text, role text, pack text, reference text,
    address text, detail jsonb
) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(before || convert_to(jsonb_build_array(
        id, (extract(epoch FROM at) * 1000000)::bigint, writer, kind, actor, role, pack, reference, address, detail
    )::text, 'UTF8'))
$$;

-- Appends lines, one writer at a time. Each is an object with kind, actor, and what else is known.
CREATE OR REPLACE FUNCTION security.write(lines jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = security, pg_temp AS $$
DECLARE
    at_end security.head;
    line security.entry;
    one jsonb;
BEGIN
    SELECT * INTO at_end FROM security.head FOR UPDATE;
    FOR one IN SELECT * FROM jsonb_array_elements(lines) LOOP
        line := ROW (
            at_end.last_id + 1, coalesce((one->>'at')::timestamptz, clock.now()), session_user, one->>'kind', one->>'actor',
            one->>'role', one->>'pack', one->>'reference', one->>'address', coalesce(one->'detail', '{}'), NULL
        );
        line.hash := security.hash_of(at_end.hash, line.id, line.at, line.writer, line.kind, line.actor, line.role,
                                      line.pack, line.reference, line.address, line.detail);
        INSERT INTO security.entry VALUES (line.*);
        at_end.last_id := line.id;
        at_end.hash := line.hash;
    END LOOP;
    UPDATE security.head SET last_id = at_end.last_id, hash = at_end.hash;
END $$;

-- A page of lines, the newest first. Each null asks for everybody and everything.
CREATE OR REPLACE FUNCTION security.read(
    of_pack text, of_actor text, of_reference text, since timestamptz, before_id bigint, most integer
) RETURNS TABLE (id bigint, at timestamptz, writer text, kind text, actor text, role text, pack text, reference text,
                 address text, detail jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = security, pg_temp AS $$
    SELECT e.id, e.at, e.writer, e.kind, e.actor, e.role, e.pack, e.reference, e.address, e.detail FROM security.entry e
    WHERE (of_pack IS NULL OR e.pack = of_pack) AND (of_actor IS NULL OR e.actor = of_actor)
      AND (of_reference IS NULL OR e.reference = of_reference) AND (since IS NULL OR e.at >= since)
      AND (before_id IS NULL OR e.id < before_id)
    ORDER BY e.id DESC LIMIT most
$$;

-- Ids at which the chain is broken: edited, or what came before is missing. The id behind the last: lines are missing there.
CREATE OR REPLACE FUNCTION security.broken() RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = security, pg_temp AS $$
    WITH chain AS (
        SELECT e.*, lag(e.hash, 1, ''::bytea) OVER w AS before, lag(e.id, 1, 0::bigint) OVER w AS id_before
        FROM security.entry e WINDOW w AS (ORDER BY e.id)
    )
    SELECT c.id FROM chain c WHERE c.id <> c.id_before + 1 OR c.hash IS DISTINCT FROM security.hash_of(
        c.before, c.id, c.at, c.writer, c.kind, c.actor, c.role, c.pack, c.reference, c.address, c.detail)
    UNION ALL
    SELECT last.id + 1 FROM security.head h, (SELECT coalesce(max(e.id), 0) AS id FROM security.entry e) AS last
    WHERE h.last_id <> last.id
       OR h.hash <> coalesce((SELECT e.hash FROM security.entry e WHERE e.id = last.id), ''::bytea)
$$;

REVOKE ALL ON FUNCTION security.write(jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION security.read(text, text, text, timestamptz, bigint, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION security.broken() FROM PUBLIC;
