"""JSON logs on standard output: constant message, `action`, ids, trace id. Never a payload, never a foreign message."""

import json
import logging
import sys
import time
from typing import Any

from shared.runtime.errors import safe_text

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


class Repeats(logging.Filter):
    """Lets at most `most` lines a minute pass that say the same; the next one that passes tells how many did not.

    Lines say the same when logger, message, action and cause are the same, whatever record or complaint they name.
    """

    def __init__(self, most: int = 20, seconds: float = 60) -> None:
        super().__init__()
        self._most = most
        self._seconds = seconds
        self._begun = 0.0
        self._seen: dict[tuple[object, ...], int] = {}
        self._held: dict[tuple[object, ...], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record may pass."""
        if record.created - self._begun >= self._seconds:
            self._held = {line: seen - self._most for line, seen in self._seen.items() if seen > self._most}
            self._begun, self._seen = record.created, {}
        said = vars(record)
        error = record.exc_info[0] if record.exc_info else said.get("error")
        line = (record.name, record.msg, said.get("action"), said.get("reason"), said.get("why"), str(error))
        self._seen[line] = seen = self._seen.get(line, 0) + 1
        if seen > self._most:
            return False
        held = self._held.pop(line, 0)
        if held:
            record.not_told = held
        return True


def configure(service: str, level: str) -> None:
    """Log JSON lines to standard output; quieten libraries."""
    handler = logging.StreamHandler(sys.stdout)
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
    handler.addFilter(Repeats())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers[:] = []
        library.propagate = True


class _LibraryRate(RateLimit):
    def __init__(self) -> None:
        super().__init__(per_second=5)

    def filter(self, record: logging.LogRecord) -> bool:
        return super().filter(record) if record.name.startswith("aiokafka") else True
