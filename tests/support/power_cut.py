"""What a power cut does to a broker that was killed: the tail that was not flushed is gone, and what is derived from it."""

from pathlib import Path

from deploy.stack.kafka import KafkaBroker

_DERIVED = ("*.index", "*.timeindex", "*.snapshot", "*.txnindex", "leader-epoch-checkpoint")
_CHECKPOINTS = ("recovery-point-offset-checkpoint", "replication-offset-checkpoint", "log-start-offset-checkpoint")


def cut_tail(broker: KafkaBroker, topic: str, *, keep: float) -> int:
    """Cut the log of every partition of a topic to a part of its bytes; answers how many bytes went.

    The broker must not run, and must not have been stopped in order.
    """
    data: Path = broker._data
    (data / ".kafka_cleanshutdown").unlink(missing_ok=True)
    gone = 0
    for folder in sorted(data.glob(f"{topic}-*")):
        for log in folder.glob("*.log"):
            size = log.stat().st_size
            with log.open("r+b") as file:
                file.truncate(int(size * keep))
            gone += size - int(size * keep)
        for pattern in _DERIVED:
            for path in folder.glob(pattern):
                path.unlink()
    for name in _CHECKPOINTS:
        (data / name).unlink(missing_ok=True)
    return gone
