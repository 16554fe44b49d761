-- What stands beside the services' schemas: the database clock, the vault, a role per service.
-- Run once by the owner of the database; running it again changes nothing.

CREATE SCHEMA IF NOT EXISTS clock;
CREATE SCHEMA IF NOT EXISTS vault;

DO $$ BEGIN
    IF to_regprocedure('clock.now()') IS NULL THEN
        CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT clock_timestamp()';
    END IF;
END $$;
COMMENT ON FUNCTION clock.now() IS 'The one clock that decides what is due. Tests replace it to travel in time.';
GRANT USAGE ON SCHEMA clock TO PUBLIC;

CREATE TABLE IF NOT EXISTS vault.person (
    person_id uuid PRIMARY KEY,
    contact_hash bytea UNIQUE,
    wrapped_key bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE vault.person IS 'A data key per person, wrapped by a master key that is not in Postgres. Deleting the row erases the person.';
ALTER TABLE vault.person ADD COLUMN IF NOT EXISTS key_id text;
COMMENT ON COLUMN vault.person.key_id IS 'Which master key wraps it. Null: wrapped before keys had ids, by any of them.';
CREATE INDEX IF NOT EXISTS person_key_id ON vault.person (key_id);

CREATE TABLE IF NOT EXISTS vault.master_key (
    key_id text PRIMARY KEY,
    canary bytea NOT NULL,
    known_since timestamptz NOT NULL DEFAULT clock_timestamp(),
    lost_at timestamptz
);
COMMENT ON TABLE vault.master_key IS 'Master keys by their ids, each with a canary that only it opens. The keys themselves are not in Postgres.';
COMMENT ON COLUMN vault.master_key.lost_at IS 'When the operator said that it is lost for good; what it wraps cannot be opened.';

CREATE TABLE IF NOT EXISTS vault.secret (
    name text PRIMARY KEY,
    key_id text NOT NULL REFERENCES vault.master_key,
    wrapped bytea NOT NULL
);
COMMENT ON TABLE vault.secret IS 'Secrets that outlive master keys, wrapped: `contact` keys the hashes by which persons are found again.';
REVOKE ALL ON SCHEMA vault FROM PUBLIC;
GRANT USAGE ON SCHEMA vault TO PUBLIC;
REVOKE ALL ON vault.person, vault.master_key, vault.secret FROM PUBLIC;

-- Finds the persons of keyed contact hashes and creates those that are missing, in one call for a whole batch.
CREATE OR REPLACE FUNCTION vault.keys_for(hashes bytea[], ids uuid[], wrapped bytea[], master text)
RETURNS TABLE (ord bigint, person_id uuid, wrapped_key bytea, key_id text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = vault, pg_temp AS $$
BEGIN
    INSERT INTO vault.person AS p (person_id, contact_hash, wrapped_key, key_id)
    SELECT i.id, i.hash, i.wrapped, master FROM unnest(ids, hashes, wrapped) AS i (id, hash, wrapped)
    ORDER BY i.hash, i.id
    ON CONFLICT DO NOTHING;
    RETURN QUERY
    SELECT i.n, p.person_id, p.wrapped_key, p.key_id
    FROM unnest(ids, hashes) WITH ORDINALITY AS i (id, hash, n)
    JOIN vault.person p ON p.contact_hash = i.hash
    UNION ALL
    SELECT i.n, p.person_id, p.wrapped_key, p.key_id
    FROM unnest(ids, hashes) WITH ORDINALITY AS i (id, hash, n)
    JOIN vault.person p ON p.person_id = i.id
    WHERE i.hash IS NULL;
END $$;

CREATE OR REPLACE FUNCTION vault.keys_with_ids(ids uuid[]) RETURNS TABLE (person_id uuid, wrapped_key bytea, key_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = vault, pg_temp AS $$
    SELECT p.person_id, p.wrapped_key, p.key_id FROM vault.person p WHERE p.person_id = ANY (ids)
$$;

-- Which master keys there are, and whether anything is wrapped by each.
CREATE OR REPLACE FUNCTION vault.masters() RETURNS TABLE (key_id text, canary bytea, lost boolean, used boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = vault, pg_temp AS $$
    SELECT m.key_id, m.canary, m.lost_at IS NOT NULL,
           EXISTS (SELECT FROM vault.person p WHERE p.key_id = m.key_id)
           OR EXISTS (SELECT FROM vault.secret s WHERE s.key_id = m.key_id)
    FROM vault.master_key m
$$;

-- Some keys from before keys had ids, by which the first canary is judged.
CREATE OR REPLACE FUNCTION vault.oldest_keys() RETURNS TABLE (wrapped_key bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = vault, pg_temp AS $$
    SELECT p.wrapped_key FROM vault.person p WHERE p.key_id IS NULL ORDER BY p.person_id LIMIT 20
$$;

-- Makes a master key known: the first one of a vault, or one whose holder also holds a key that is known.
-- The first brings the secret of contacts: a fresh one, or the one that hashed the contacts of persons who are there.
CREATE OR REPLACE FUNCTION vault.introduce(master text, its_canary bytea, fresh bytea, derived bytea, held text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = vault, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7463002);
    IF EXISTS (SELECT FROM vault.master_key m WHERE m.lost_at IS NULL)
       AND NOT EXISTS (SELECT FROM vault.master_key m WHERE m.key_id = ANY (held)) THEN
        RETURN;
    END IF;
    INSERT INTO vault.master_key (key_id, canary) VALUES (master, its_canary) ON CONFLICT DO NOTHING;
    INSERT INTO vault.secret (name, key_id, wrapped)
    VALUES ('contact', master, CASE WHEN EXISTS (SELECT FROM vault.person) THEN derived ELSE fresh END)
    ON CONFLICT DO NOTHING;
END $$;

CREATE OR REPLACE FUNCTION vault.contact_secret() RETURNS TABLE (key_id text, wrapped bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = vault, pg_temp AS $$
    SELECT s.key_id, s.wrapped FROM vault.secret s WHERE s.name = 'contact'
$$;

-- As services from before keys had ids call them; dropped when those are gone.
CREATE OR REPLACE FUNCTION vault.keys_for(hashes bytea[], ids uuid[], wrapped bytea[])
RETURNS TABLE (ord bigint, person_id uuid, wrapped_key bytea)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = vault, pg_temp AS $$
BEGIN
    INSERT INTO vault.person AS p (person_id, contact_hash, wrapped_key)
    SELECT i.id, i.hash, i.wrapped FROM unnest(ids, hashes, wrapped) AS i (id, hash, wrapped)
    ORDER BY i.hash, i.id
    ON CONFLICT DO NOTHING;
    RETURN QUERY
    SELECT i.n, p.person_id, p.wrapped_key
    FROM unnest(ids, hashes) WITH ORDINALITY AS i (id, hash, n)
    JOIN vault.person p ON p.contact_hash = i.hash
    UNION ALL
    SELECT i.n, p.person_id, p.wrapped_key
    FROM unnest(ids, hashes) WITH ORDINALITY AS i (id, hash, n)
    JOIN vault.person p ON p.person_id = i.id
    WHERE i.hash IS NULL;
END $$;

CREATE OR REPLACE FUNCTION vault.keys_of(ids uuid[]) RETURNS TABLE (person_id uuid, wrapped_key bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = vault, pg_temp AS $$
    SELECT p.person_id, p.wrapped_key FROM vault.person p WHERE p.person_id = ANY (ids)
$$;

-- Which of these persons have a key, for the auditor.
CREATE OR REPLACE FUNCTION vault.known(ids uuid[]) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = vault, pg_temp AS $$
    SELECT p.person_id FROM vault.person p WHERE p.person_id = ANY (ids)
$$;
REVOKE ALL ON FUNCTION vault.known(uuid[]) FROM PUBLIC;

-- Erases persons: their key is gone, so whatever was sealed with it can never be opened again.
CREATE OR REPLACE FUNCTION vault.shred(ids uuid[]) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = vault, pg_temp AS $$
    WITH gone AS (DELETE FROM vault.person p WHERE p.person_id = ANY (ids) RETURNING 1) SELECT count(*) FROM gone
$$;
REVOKE ALL ON FUNCTION vault.shred(uuid[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION vault.keys_for(bytea[], uuid[], bytea[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION vault.keys_of(uuid[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION vault.keys_for(bytea[], uuid[], bytea[], text) FROM PUBLIC;
REVOKE ALL ON FUNCTION vault.keys_with_ids(uuid[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION vault.masters() FROM PUBLIC;
REVOKE ALL ON FUNCTION vault.oldest_keys() FROM PUBLIC;
REVOKE ALL ON FUNCTION vault.introduce(text, bytea, bytea, bytea, text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION vault.contact_secret() FROM PUBLIC;
