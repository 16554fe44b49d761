"""Metrics of intake. Names are those of the alerts and the runbook."""

from prometheus_client import Counter

CHANNEL_REQUESTS = Counter(
    "redress_channel_requests_total",
    "Requests of channel clients, by the client's name and the answer",
    ["client", "status"],
)

_children: dict[tuple[str, int], Counter] = {}


def count(client: str, status: int) -> None:
    """Count one answered request. There are as many series as there are clients and statuses."""
    child = _children.get((client, status))
    if child is None:
        child = _children[client, status] = CHANNEL_REQUESTS.labels(client, status)
    child.inc()
