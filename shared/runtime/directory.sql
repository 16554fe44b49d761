-- The staff directory: who works here, what they are, and which of their sessions have ended. One for all services.
-- Run once by the owner of the database, after bootstrap.sql; running it again changes nothing.

CREATE SCHEMA IF NOT EXISTS directory;

CREATE TABLE IF NOT EXISTS directory.staff (
    user_name text PRIMARY KEY CHECK (user_name ~ '^[a-z0-9][a-z0-9._-]{1,47}$'),
    name text NOT NULL,
    role text NOT NULL,
    department text NOT NULL,
    departments text[] NOT NULL DEFAULT '{}',
    pack text,
    password_hash text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    session_epoch integer NOT NULL DEFAULT 1,
    changed_at timestamptz NOT NULL DEFAULT clock.now()
);
COMMENT ON TABLE directory.staff IS 'Who may sign in. Password hashes are argon2id; no function hands them to any service but the router.';
COMMENT ON COLUMN directory.staff.departments IS 'Whose cases are theirs besides those of `department`.';
COMMENT ON COLUMN directory.staff.pack IS 'The pack the department was of when the member was saved, for when no pack has it any more.';
COMMENT ON COLUMN directory.staff.session_epoch IS 'Sessions of an earlier epoch have ended: new password, dismissal, sign-out everywhere.';

CREATE TABLE IF NOT EXISTS directory.ended_session (
    session_id uuid PRIMARY KEY,
    user_name text NOT NULL,
    ended_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE directory.ended_session IS 'Sessions that were signed out before their time. None lives longer than a day, so older rows go.';
CREATE INDEX IF NOT EXISTS ended_session_at ON directory.ended_session (ended_at);

REVOKE ALL ON SCHEMA directory FROM PUBLIC;
GRANT USAGE ON SCHEMA directory TO PUBLIC;
REVOKE ALL ON directory.staff, directory.ended_session FROM PUBLIC;

-- Everybody as sessions need them, former members too.
CREATE OR REPLACE FUNCTION directory.members()
RETURNS TABLE (user_name text, name text, role text, department text, departments text[], pack text, active boolean,
               session_epoch integer, changed_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = directory, pg_temp AS $$
    SELECT s.user_name, s.name, s.role, s.department, s.departments, s.pack, s.active, s.session_epoch, s.changed_at
    FROM directory.staff s ORDER BY s.department, s.user_name
$$;

CREATE OR REPLACE FUNCTION directory.ended() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = directory, pg_temp AS $$
    SELECT e.session_id FROM directory.ended_session e WHERE e.ended_at > clock_timestamp() - interval '1 day'
$$;

-- What a password is checked against.
CREATE OR REPLACE FUNCTION directory.credentials(who text) RETURNS TABLE (password_hash text, active boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = directory, pg_temp AS $$
    SELECT s.password_hash, s.active FROM directory.staff s WHERE s.user_name = who
$$;

-- Adds members, or gives existing ones a new role, department and password; what sessions they had end.
CREATE OR REPLACE FUNCTION directory.save(users text[], names text[], roles text[], owned text[], packs text[], hashes text[])
RETURNS void LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = directory, pg_temp AS $$
    INSERT INTO directory.staff AS s (user_name, name, role, department, pack, password_hash)
    SELECT * FROM unnest(users, names, roles, owned, packs, hashes)
    ON CONFLICT (user_name) DO UPDATE SET name = excluded.name, role = excluded.role, department = excluded.department,
        pack = excluded.pack, departments = '{}', password_hash = excluded.password_hash, active = true,
        session_epoch = s.session_epoch + 1, changed_at = clock.now()
$$;

-- Nobody signs in as this user any more, and their sessions have ended. Answers whether there is one.
CREATE OR REPLACE FUNCTION directory.disable(who text) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = directory, pg_temp AS $$
    WITH done AS (
        UPDATE directory.staff SET active = false, session_epoch = session_epoch + 1, changed_at = clock.now()
        WHERE user_name = who RETURNING 1
    ) SELECT EXISTS (SELECT FROM done)
$$;

-- Another password, and the sessions under the old one have ended. Answers the new epoch; null: no such active user.
CREATE OR REPLACE FUNCTION directory.set_password(who text, hash text) RETURNS integer
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = directory, pg_temp AS $$
    UPDATE directory.staff SET password_hash = hash, session_epoch = session_epoch + 1, changed_at = clock.now()
    WHERE user_name = who AND active RETURNING session_epoch
$$;

-- One session has ended, or all of a user.
CREATE OR REPLACE FUNCTION directory.end_session(session uuid, who text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = directory, pg_temp AS $$
    DELETE FROM directory.ended_session WHERE ended_at < clock_timestamp() - interval '1 day';
    INSERT INTO directory.ended_session (session_id, user_name) VALUES (session, who) ON CONFLICT DO NOTHING
$$;

CREATE OR REPLACE FUNCTION directory.end_sessions(who text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = directory, pg_temp AS $$
    UPDATE directory.staff SET session_epoch = session_epoch + 1, changed_at = clock.now() WHERE user_name = who
$$;

REVOKE ALL ON FUNCTION directory.members() FROM PUBLIC;
REVOKE ALL ON FUNCTION directory.ended() FROM PUBLIC;
REVOKE ALL ON FUNCTION directory.credentials(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION directory.save(text[], text[], text[], text[], text[], text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION directory.disable(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION directory.set_password(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION directory.end_session(uuid, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION directory.end_sessions(text) FROM PUBLIC;
