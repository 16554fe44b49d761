"""Prometheus metrics of the notifier, beside those every service has."""

from functools import lru_cache

from prometheus_client import Counter, Gauge, Histogram

NOTICES = Counter("redress_notices_total", "Notices that were settled", ["kind", "state"])
UNKNOWN = Counter("redress_notification_unknown_total", "Messages whose last answer was lost; sent at most once more")
FAILED = Counter(
    "redress_notification_failed_total", "Notices given up for good; a person has to reach the customer", ["reason"]
)
SUPPRESSED = Counter("redress_suppressed_total", "Notices that are not to be sent", ["reason"])
ATTEMPTS = Counter("redress_notification_attempts_total", "Attempts to hand a message over", ["verdict", "reason"])
REFUSED_US = Counter(
    "redress_mail_sender_refused_total",
    "Attempts that a mail server refused for a reason of ours (rights, sending limit, content); they are tried again",
    ["reason"],
)
DELAY = Histogram(
    "redress_notification_seconds",
    "Time from a notice's being due to the server's acceptance",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600, 86400),
)
WAITING = Gauge(
    "redress_notifications_waiting", "Notices that are due and not sent, retries and those in a conversation included"
)
OLDEST = Gauge("redress_notifications_oldest_seconds", "How long the oldest due notice has waited")
AWAY = Gauge("redress_mail_channel_away", "1 while the mail relay cannot be reached")


@lru_cache(maxsize=512)
def _notices(kind: str, state: str) -> Counter:
    return NOTICES.labels(kind, state)


@lru_cache(maxsize=512)
def _attempts(verdict: str, reason: str) -> Counter:
    return ATTEMPTS.labels(verdict, reason)


def settled(kind: str, state: str, reason: str | None) -> None:
    """Count a notice that came to its end."""
    _notices(kind, state).inc()
    if state == "failed":
        FAILED.labels(reason or "").inc()
    elif state == "suppressed":
        SUPPRESSED.labels(reason or "").inc()


def attempt(verdict: str, reason: str, *, ours: bool = False) -> None:
    """Count an attempt; `ours`: it was refused for a reason of ours. Looking a label up costs more than the sum, so the
    children are kept.
    """
    _attempts(verdict, reason).inc()
    if ours:
        REFUSED_US.labels(reason).inc()
