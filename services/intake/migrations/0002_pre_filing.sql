-- A complaint on its way into the tables, as one value: the driver encodes an array of records at half the cost of
-- 26 arrays. A later version of the service that needs other columns makes a type of its own (filing_2), so that old
-- code keeps running beside it.

CREATE TYPE filing AS (
    client_id integer,
    key uuid,
    digest bytea,
    answer text,
    complaint_id uuid,
    reference text,
    pack text,
    channel text,
    language text,
    received_at timestamptz,
    person_id uuid,
    title text,
    body text,
    category text,
    store_id text,
    order_id text,
    customer_name text,
    email text,
    phone text,
    email_hash bytea,
    phone_hash bytea,
    details text,
    shard smallint,
    event_id uuid,
    traceparent text,
    payload bytea
);

-- Nothing looks complaints up by person yet; what will (erasure) brings its index along.
DROP INDEX complaint_person;
