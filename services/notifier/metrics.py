"""Prometheus metrics of the notifier, beside those every service has."""

from prometheus_client import Counter, Gauge, Histogram

NOTICES = Counter("notices_total", "Notices that were settled", ["kind", "state"])
UNKNOWN = Counter("notification_unknown_total", "Messages whose last answer was lost; sent at most once more")
ATTEMPTS = Counter("notification_attempts_total", "Attempts to hand a message over", ["verdict", "reason"])
DELAY = Histogram(
    "notification_seconds",
    "Time from a notice's being due to the server's acceptance",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600, 86400),
)
WAITING = Gauge("notifications_waiting", "Notices that are due and not sent")
OLDEST = Gauge("notifications_oldest_seconds", "How long the oldest due notice has waited")
AWAY = Gauge("mail_channel_away", "1 while the mail relay cannot be reached")
