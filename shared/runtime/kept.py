"""The one table of what is kept how long: every table of every service, and why. Only cases are kept for ever.

The runtime's pruner follows it, the runbook prints it (a test compares them), and a table that stands in a migration but
not here fails a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from shared.events.intake import OLDEST_RECEIPT_DAYS

TOPIC_DAYS = 30
"""How long Kafka keeps the records of our topics."""
INBOX_DAYS = 45
"""How long a consumer remembers which events it applied: longer than a topic, or a row sent again, can bring one back."""
KEY_DAYS = OLDEST_RECEIPT_DAYS + 1
"""How long a channel's idempotency key is known. A request that tells when it was received is refused as too old before its
key is forgotten.
"""
EVERY = "every service"
CASE = "part of the case"
CONFIGURATION = "grows by people's hands only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How long the rows of one table are kept.

    Attributes:
        service: whose table it is; `EVERY`: the runtime's, in each schema.
        days: none: as long as the case, or the configuration, that it belongs to.
        old: which rows are too old, as SQL; `$1` is the present moment less `days`. Has to find them by an index.
        least: fewest days that a setting may give.
        first: a statement to run before the first row goes; `$1` as above, `$2` the service.
    """

    service: str
    table: str
    why: str
    days: int | None = None
    old: str = ""
    least: int = 1
    first: str = ""

    @property
    def name(self) -> str:
        """How settings and metrics name it."""
        return self.table if self.service == EVERY else f"{self.service}.{self.table}"


_FORGET = """
INSERT INTO inbox_floor AS f (consumer, event_id) VALUES ($2, first_id_at($1))
ON CONFLICT (consumer) DO UPDATE SET event_id = excluded.event_id WHERE f.event_id < excluded.event_id
"""

TABLES: tuple[Kept, ...] = (
    Kept(
        service=EVERY, table="inbox", days=INBOX_DAYS, least=INBOX_DAYS, first=_FORGET,
        old="consumer = {service} AND event_id < first_id_at($1)",
        why="no topic can bring an event back that is older",
    ),
    Kept(
        service=EVERY, table="inbox_late", days=INBOX_DAYS, least=INBOX_DAYS, old="applied_at < $1",
        why="events applied long after they were told, such as replayed dead letters",
    ),
    Kept(service=EVERY, table="inbox_floor", why="one row per consumer"),
    Kept(service=EVERY, table="outbox", why="`OUTBOX_DAYS` (7) after they were published; then their partition is dropped"),
    Kept(service=EVERY, table="void_event", why="what a restored database did not know; one row per event"),
    Kept(service=EVERY, table="relay_copy", why="one row per live copy"),
    Kept(service=EVERY, table="relay_lease", why="one row per shard"),
    Kept(service=EVERY, table="relay_position", why="one row per shard, and per topic of it that stands still"),
    Kept(service=EVERY, table="relay_partition", why="one row per partition"),
    Kept(
        service=EVERY, table="dead_letter", days=90, least=INBOX_DAYS, old="replayed_at < $1",
        why="replayed: long enough to see what came of it",
    ),
    Kept(
        service=EVERY, table="dead_letter", days=400, least=90, old="replayed_at IS NULL AND failed_at < $1",
        why="never replayed: the alert `redress_dead_letters` has asked for more than a year",
    ),
    Kept(service=EVERY, table="reader_position", why="one row per consumer and partition"),
    Kept(service=EVERY, table="reader_skip", why=CONFIGURATION),
    Kept(service=EVERY, table="signed_from", why="one row per partition"),
    Kept(
        service=EVERY, table="process_end", days=90, old="ended_at < $1",
        why="why processes gave up: long enough to see a pattern",
    ),
    Kept(
        service=EVERY, table="command_key", days=7, old="asked_at < $1",
        why="a command of staff or a customer is sent again within minutes, or it is another one",
    ),
    Kept(service=EVERY, table="migration", why=CONFIGURATION),
    Kept(service=EVERY, table="policy_kept", why="one row per policy pack"),
    Kept(service="intake", table="client", why=CONFIGURATION),
    Kept(service="intake", table="client_key", why=CONFIGURATION),
    Kept(service="intake", table="complaint", why=CASE),
    Kept(service="intake", table="addition", why=CASE),
    Kept(service="intake", table="standing", why=CASE),
    Kept(service="intake", table="erasure", why="that a person was erased, by an id alone: a restore needs it"),
    Kept(service="intake", table="legal_hold", why="until somebody lifts it"),
    Kept(
        service="intake", table="idempotency", days=KEY_DAYS, least=KEY_DAYS, old="answered_at < $1",
        why="a day longer than `received_at` may reach back: sent again it never files twice",
    ),
    Kept(service="router", table="cases", why=CASE),
    Kept(service="router", table="case_text", why=CASE),
    Kept(service="router", table="case_event", why=CASE),
    Kept(
        service="router", table="early_event", days=400, least=INBOX_DAYS, old="event_id < first_id_at($1)",
        why="events whose complaint never came: as long as its dead letter may be replayed",
    ),
    Kept(
        service="router", table="sign_in_failure", days=1,
        old="last_at < $1 AND (good_at IS NULL OR good_at < $1 - interval '30 days')",
        why="the throttle forgets tries after an hour of quiet, and where a right password came from after a month",
    ),
    Kept(service="sla", table="journey", why=CASE),
    Kept(
        service="sla", table="fired", days=1096, least=90,
        old="complaint_id < first_id_at($1) AND fired_at < $1 AND EXISTS"
            " (SELECT FROM journey AS j WHERE j.complaint_id = fired.complaint_id AND j.closed_at < $1)",
        why="when each level fired, of closed cases; that it fired stays with the case",
    ),
    Kept(service="sla", table="ledger", why=CASE),
    Kept(service="sla", table="rules", why=CONFIGURATION),
    Kept(service="notifier", table="journey", why=CASE),
    Kept(service="notifier", table="contact", why=CASE),
    Kept(service="notifier", table="entry", why=CASE),
    Kept(
        service="notifier", table="notice", days=1096, least=90,
        old="complaint_id < first_id_at($1) AND settled_at < $1",
        why="the send ledger: what was sent when, for three years",
    ),
    Kept(
        service="notifier", table="suppression", days=1, old="until < $1",
        why="until the date given; an erased person's goes by that date too",
    ),
)  # fmt: skip


def kept_by(service: str, days: Mapping[str, int]) -> tuple[Kept, ...]:
    """What a service prunes.

    Args:
        days: name → days, from the settings; two spans of one table are both shortened or lengthened to it.
    """
    mine = (kept for kept in TABLES if kept.service in {service, EVERY} and kept.days is not None)
    return tuple(replace(kept, days=max(days.get(kept.name, kept.days or 0), kept.least)) for kept in mine)


def refuse_spans(days: Mapping[str, int]) -> None:
    """Check spans that a setting gives.

    Raises:
        ValueError: a name is unknown, or a span is too short.
    """
    known = {kept.name: kept.least for kept in TABLES if kept.days is not None}
    for name, given in days.items():
        if name not in known:
            raise ValueError(f"KEEP_DAYS names {name!r}, which is not pruned: choose from {', '.join(sorted(known))}")
        if given < known[name]:
            raise ValueError(f"KEEP_DAYS gives {name} {given} days: at least {known[name]}")
