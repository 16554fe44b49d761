"""Prometheus metrics that every service has. Names are those of the alerts and the runbook."""

from prometheus_client import Counter, Gauge, Histogram

EVENTS = Counter("redress_events_processed_total", "Events whose effects were committed", ["consumer", "type"])
DUPLICATES = Counter("redress_inbox_duplicates_total", "Redelivered events that the inbox dropped", ["consumer"])
DEAD = Counter(
    "redress_dead_letters_buried_total", "Records that went to the dead letters", ["consumer", "topic", "reason"]
)
DEAD_OPEN = Gauge("redress_dead_letters", "Dead letters not yet replayed", ["consumer", "topic"])
FORGOTTEN = Counter(
    "redress_inbox_forgotten_total", "Events older than the inbox remembers, which were not applied again", ["consumer"]
)
PRUNED = Counter(
    "redress_pruned_rows_total", "Rows deleted because they were older than their span", ["service", "table"]
)
BATCH = Histogram(
    "redress_consumer_batch_seconds",
    "Time from the first decode to the commit of a batch",
    ["consumer"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
BATCH_SIZE = Histogram(
    "redress_consumer_batch_records", "Records per batch", ["consumer"], buckets=(1, 5, 20, 50, 100, 250, 500)
)
RETRIES = Counter("redress_consumer_retries_total", "Batches tried again after a transient error", ["consumer"])
COMMIT_FAILURES = Counter("redress_offset_commit_failures_total", "Offset commits the broker refused", ["consumer"])
DRAIN_TIMEOUTS = Counter(
    "redress_rebalance_drain_timeouts_total", "Rebalances that did not wait for a batch", ["consumer"]
)
LAG = Gauge("redress_consumer_lag", "Records not yet processed", ["consumer", "topic", "partition"])
SKIPPED = Counter(
    "redress_events_skipped_total",
    "Records of a type or version that this release does not know and does not read",
    ["consumer", "topic", "reason"],
)
UNSIGNED = Counter(
    "redress_unsigned_events_total",
    "Events believed without a signature, from before there were any",
    ["consumer", "topic"],
)
SIGNATURES_REQUIRED = Gauge(
    "redress_signatures_required", "0 while every event without a signature is believed", ["service"]
)
MENDED = Counter(
    "redress_positions_mended_total",
    "Partitions read from elsewhere than the offset in Kafka said",
    ["consumer", "topic", "why"],
)
WAITING = Gauge("redress_reader_waiting", "1 while a batch waits, by why", ["consumer", "kind"])
UNREADABLE = Gauge(
    "redress_unreadable_records", "1 while a partition waits before a record", ["consumer", "topic", "partition"]
)
REJOINS = Counter("redress_reader_rejoins_total", "Times a reader joined its group as a stranger", ["consumer", "why"])
IDENTITY_CONFLICTS = Counter(
    "redress_identity_conflicts_total", "Times another process took this copy's place in the group", ["consumer"]
)
UNREAD = Gauge(
    "redress_partitions_without_reader", "Partitions of wanted topics that no copy has", ["consumer", "topic"]
)
PUBLISHED = Counter("redress_outbox_published_total", "Events acknowledged by the broker", ["service"])
OUTBOX_AGE = Gauge(
    "redress_outbox_oldest_unpublished_seconds", "Age of the oldest event not yet acknowledged", ["service"]
)
OUTBOX_DEPTH = Gauge("redress_outbox_depth", "Events not yet acknowledged", ["service"])
WATCHDOG = Counter("redress_watchdog_restarts_total", "Exits because nothing progressed", ["service", "what"])
CLOCK_DRIFT = Gauge("redress_clock_drift_seconds", "Clock of the database minus clock of this host", ["service"])
POLICY_OK = Gauge(
    "redress_config_last_reload_successful", "1 when the policy files on disk are the ones in use", ["service"]
)
CALENDAR_ENDS = Gauge(
    "redress_calendar_ends_in_days",
    "Days until the holidays of a calendar are no longer known",
    ["service", "pack", "calendar"],
)
CLOSED_KEYS = Counter(
    "redress_vault_closed_keys_total",
    "Keys of persons that could not be used: damaged, or master key not loaded",
    ["why"],
)
REQUESTS = Histogram(
    "redress_http_request_seconds",
    "Time to answer a request",
    ["service", "method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
TRUNCATIONS = Counter(
    "redress_truncations_total", "Logs that lost records the broker had acknowledged", ["service", "topic", "partition"]
)
SECURITY_LINES_LOST = Counter(
    "redress_security_lines_lost_total",
    "Lines of the security log that no memory was left for while the database was away",
)
TURNED_AWAY = Counter(
    "redress_http_turned_away_total", "Requests and connections refused before any work", ["service", "why"]
)
