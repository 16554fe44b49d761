"""The relay: publishes committed outbox rows in order per complaint, and notes how far it has come.

loop        rounds: read, send, note; what stands still goes on beside
window      which ids are settled and which may still come
lane        what is read as one: the main stream, and beside it what stands still or has to catch up
rows        the relay's statements
sending     the producer, and what an error of the broker means
leases      which copy publishes which shard
truncation  a log that has lost its tail is told and filled again
quarantine  what the broker never takes
"""

from shared.runtime.relay.loop import Relay

__all__ = ["Relay"]
