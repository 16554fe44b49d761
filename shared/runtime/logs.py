"""JSON logs on standard output: constant message, `action`, ids, trace id. Never a payload, never a foreign message."""

import json
import logging
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from shared.runtime.errors import safe_text
from shared.runtime.web import request_id

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_FOREIGN_MESSAGES = ("asyncpg",)


class JsonLines(logging.Formatter):
    """One line of JSON per record. Exceptions show class, SQLSTATE and where; their text only when it is ours."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        line: dict[str, Any] = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (known_as := request_id.current.get()) is not None:
            line["request_id"] = known_as
        line.update({k: v for k, v in vars(record).items() if k not in _STANDARD and not k.startswith("_")})
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            line["error"] = safe_text(error)
            trace = error.__traceback__
            where = []
            while trace is not None:
                where.append(f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}")
                trace = trace.tb_next
            line["where"] = where[-8:]
        return json.dumps(line, ensure_ascii=False, default=str)


class RateLimit(logging.Filter):
    """Lets at most `per_second` records of a logger pass; a broken link must not fill the disk."""

    def __init__(self, per_second: int) -> None:
        super().__init__()
        self._per_second = per_second
        self._second = 0
        self._passed = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record may pass."""
        second = int(record.created)
        if second != self._second:
            self._second, self._passed = second, 0
        self._passed += 1
        return self._passed <= self._per_second


class Repeats(logging.StreamHandler[TextIO]):
    """Writes lines, but an equal one at most once a minute, and lines that differ in their ids alone at most so many.

    What was swallowed is told: `repeated` is how many equal lines came before this one and were not written. When no
    equal line passes, the last one swallowed is written before whatever comes after that minute. Numbers (a pause, a size) do not make a line another one.

    Args:
        stream: where to.
        window: seconds for which an equal line is swallowed.
        burst: lines of one message, whatever ids they carry, that pass within a window.
        clock: seconds that only grow.
    """

    def __init__(
        self, stream: TextIO, *, window: float = 60.0, burst: int = 100, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(stream)
        self._window = window
        self._burst = burst
        self._clock = clock
        self._lines: dict[tuple[str, ...], _Seen] = {}
        self._messages: dict[tuple[str, ...], _Seen] = {}
        self._swept = clock()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or count it."""
        now = self._clock()
        if now - self._swept >= self._window:
            self._swept = now
            self._tell(now)
        message, line = _keys(record)
        seen = self._lines.get(line)
        if seen is not None and now - seen.since < self._window:
            seen.swallow(record)
            return
        crowd = self._messages.get(message)
        if crowd is None or now - crowd.since >= self._window:
            self._report(crowd)
            crowd = self._messages[message] = _Seen(record, now)
        crowd.passed += 1
        if crowd.passed > self._burst:
            crowd.swallow(record)
            return
        self._lines[line] = _Seen(record, now)
        if seen is not None and seen.swallowed:
            record.repeated = seen.swallowed
        super().emit(record)

    def close(self) -> None:
        """Tell what was swallowed, at the end of the process."""
        self._tell(float("inf"))
        super().close()

    def _tell(self, now: float) -> None:
        for kept in (self._lines, self._messages):
            for key in [key for key, seen in kept.items() if now - seen.since >= self._window]:
                self._report(kept.pop(key))

    def _report(self, seen: "_Seen | None") -> None:
        if seen is not None and seen.swallowed:
            seen.record.repeated = seen.swallowed - 1
            super().emit(seen.record)


class _Seen:
    """A line since when, how many like it were swallowed, and the last of them."""

    __slots__ = ("passed", "record", "since", "swallowed")

    def __init__(self, record: logging.LogRecord, since: float) -> None:
        self.record = record
        self.since = since
        self.passed = 0
        self.swallowed = 0

    def swallow(self, record: logging.LogRecord) -> None:
        """Keep the last one: it stands for all when no other passes."""
        self.record = record
        self.swallowed += 1


def _keys(record: logging.LogRecord) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What makes two records the same message, and what makes them the same line."""
    message = (record.name, record.levelname, str(record.msg))
    error = safe_text(record.exc_info[1]) if record.exc_info and record.exc_info[1] is not None else ""
    ids = (f"{k}={v}" for k, v in vars(record).items() if k not in _STANDARD and isinstance(v, str))
    return message, (*message, str(record.args or ""), error, *ids)


def configure(service: str, level: str) -> None:
    """Log JSON lines to standard output, equal ones once a minute; quieten libraries."""
    handler = Repeats(sys.stdout)
    handler.setFormatter(JsonLines(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, cap in (
        ("aiokafka", logging.WARNING),
        ("faststream", logging.WARNING),
        ("uvicorn", logging.WARNING),
        ("httpx", logging.WARNING),
    ):
        logging.getLogger(name).setLevel(cap)
    handler.addFilter(_LibraryRate())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers[:] = []
        library.propagate = True


class _LibraryRate(RateLimit):
    def __init__(self) -> None:
        super().__init__(per_second=5)

    def filter(self, record: logging.LogRecord) -> bool:
        return super().filter(record) if record.name.startswith("aiokafka") else True
