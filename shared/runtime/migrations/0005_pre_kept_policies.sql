-- The last good files of each policy pack: a service whose files on disk are refused starts with them.

CREATE TABLE policy_kept (
    folder text PRIMARY KEY,
    version text NOT NULL,
    names text[] NOT NULL,
    contents bytea[] NOT NULL,
    since timestamptz NOT NULL DEFAULT clock.now()
);
COMMENT ON TABLE policy_kept IS 'The last good files of each policy pack, for a start with files that are refused. One row per pack.';
