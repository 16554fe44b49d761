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
REVOKE ALL ON SCHEMA vault FROM PUBLIC;
GRANT USAGE ON SCHEMA vault TO PUBLIC;
REVOKE ALL ON vault.person FROM PUBLIC;

-- Finds the persons of keyed contact hashes and creates those that are missing, in one call for a whole batch.
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

-- Erases persons: their key is gone, so whatever was sealed with it can never be opened again.
CREATE OR REPLACE FUNCTION vault.shred(ids uuid[]) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = vault, pg_temp AS $$
    WITH gone AS (DELETE FROM vault.person p WHERE p.person_id = ANY (ids) RETURNING 1) SELECT count(*) FROM gone
$$;
REVOKE ALL ON FUNCTION vault.shred(uuid[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION vault.keys_for(bytea[], uuid[], bytea[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION vault.keys_of(uuid[]) FROM PUBLIC;
