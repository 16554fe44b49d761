-- Tables in time partitions that services renew themselves: their roles have no DDL, so a function of the owner's does it.
-- The partition key is a `timestamptz`, or a `uuid` that is a UUIDv7. Such a table has a partition `NAME_default` for what
-- is older or newer than the partitions there are; the storage options of new partitions are those of `NAME_default`.

CREATE FUNCTION partition_bound(kind regtype, at timestamptz) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE kind
        WHEN 'uuid'::regtype THEN (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid::text
        ELSE to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || '+00'
    END
$$;
COMMENT ON FUNCTION partition_bound IS 'The smallest partition key of a moment, as text.';

CREATE FUNCTION renew_partitions(parent text, span interval, before timestamptz, ahead integer DEFAULT 3)
RETURNS TABLE (made integer, dropped integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '1s' SET timezone = 'UTC' AS $$
DECLARE
    home text := current_schema();
    rest text := parent || '_default';
    kind regtype;
    options text;
    seconds bigint := extract(epoch FROM span)::bigint;
    first bigint;
    low text;
    high text;
    taken boolean;
    part record;
BEGIN
    made := 0;
    dropped := 0;
    SELECT a.atttypid::regtype INTO kind
    FROM pg_partitioned_table p
    JOIN pg_class c ON c.oid = p.partrelid AND c.relname = parent AND c.relnamespace = home::regnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.partattrs[0]
    WHERE p.partstrat = 'r' AND p.partnatts = 1 AND a.atttypid IN ('timestamptz'::regtype, 'uuid'::regtype);
    IF kind IS NULL OR seconds < 60 OR ahead NOT BETWEEN 0 AND 100 THEN
        RAISE EXCEPTION '% is not a table in time partitions, or the span is no span', parent USING ERRCODE = '22023';
    END IF;
    IF NOT pg_try_advisory_xact_lock(hashtext('redress.partitions.' || home), hashtext(parent)) THEN
        RETURN NEXT;  -- another copy is at it
        RETURN;
    END IF;
    SELECT array_to_string(reloptions, ', ') INTO options FROM pg_class
    WHERE relname = rest AND relnamespace = home::regnamespace;
    first := floor(extract(epoch FROM clock.now()) / seconds)::bigint * seconds;
    FOR n IN 0..ahead LOOP
        low := partition_bound(kind, to_timestamp(first + n * seconds));
        high := partition_bound(kind, to_timestamp(first + (n + 1) * seconds));
        CONTINUE WHEN to_regclass(format('%I.%I', home, parent || to_char(to_timestamp(first + n * seconds), '"_p"YYYYMMDDHH24MI'))) IS NOT NULL;
        -- What lies in the default partition already stays there, and is deleted by age below.
        EXECUTE format('SELECT EXISTS (SELECT FROM %I.%I WHERE %I >= %L AND %I < %L)', home, rest,
                       partition_key(parent), low, partition_key(parent), high) INTO taken;
        CONTINUE WHEN taken;
        BEGIN
            EXECUTE format('CREATE TABLE %I.%I PARTITION OF %I.%I FOR VALUES FROM (%L) TO (%L)%s', home,
                           parent || to_char(to_timestamp(first + n * seconds), '"_p"YYYYMMDDHH24MI'), home, parent, low, high,
                           CASE WHEN options > '' THEN ' WITH (' || options || ')' ELSE '' END);
            made := made + 1;
        EXCEPTION WHEN invalid_object_definition THEN
            NULL;  -- it overlaps one of another span; that one takes the rows
        END;
    END LOOP;
    high := partition_bound(kind, date_trunc('second', before));
    FOR part IN
        SELECT c.relname, substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''([^'']+)''\)') AS upper
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = format('%I.%I', home, parent)::regclass AND c.relname <> rest
    LOOP
        EXECUTE format('SELECT %L::%s <= %L::%s', part.upper, kind, high, kind) INTO taken;
        IF taken THEN
            EXECUTE format('DROP TABLE %I.%I', home, part.relname);
            dropped := dropped + 1;
        END IF;
    END LOOP;
    EXECUTE format('DELETE FROM %I.%I WHERE %I < %L', home, rest, partition_key(parent), high);
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION renew_partitions IS 'Makes the partition of now and so many ahead, drops those that end before a moment, deletes what is older from the default one.';

CREATE FUNCTION partition_key(parent text) RETURNS name LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT a.attname FROM pg_partitioned_table p
    JOIN pg_class c ON c.oid = p.partrelid AND c.relname = parent AND c.relnamespace = current_schema()::regnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.partattrs[0]
$$;

REVOKE ALL ON FUNCTION renew_partitions(text, interval, timestamptz, integer) FROM PUBLIC;
