"""Believes an event only if its writer signed it. Kafka may let anybody write; a service is moved by its peers alone.

Records from before there were signatures lie in the topics for as long as they are kept. Up to the offsets in `signed_from`
they are believed unsigned; a new installation has none such, and an upgraded one notes them when the last copy of the old
release is gone (`redress keys require-signatures`, which `make up` does itself).
"""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from aiokafka.structs import ConsumerRecord

from shared.runtime import metrics
from shared.runtime.errors import Permanent, Reason
from shared.runtime.event_keys import WRITERS, Covered, EventKey, EventKeys, KeysUnusable, message_of
from shared.runtime.pg import Database

log = logging.getLogger(__name__)

_RULES = "SELECT topic, partition, from_offset FROM signed_from"
Place = tuple[str, int]


class Signatures:
    """What a reader knows of its writers.

    Attributes:
        rules: by topic and partition, the offset from which on every event must be signed; without an entry of its own a
            partition is to be signed from its first record. Empty: nothing must be signed. None: everything must.
    """

    def __init__(
        self, keys: EventKeys, rules: Mapping[Place, int] | None = None, again: Callable[[], EventKeys] | None = None
    ) -> None:
        self.keys = keys
        self.rules = rules
        self._again = again

    def check(self, record: ConsumerRecord, covered: Covered, header: bytes | None) -> bool:
        """Judge a record; answers whether it is signed: it may be unsigned where it is older than signatures.

        Args:
            header: its signature.

        Raises:
            Permanent: it is signed by none of its topic's writer's keys, or not signed and not that old.
        """
        if header is None:
            self._unsigned(record)
            return False
        writer = WRITERS.get(record.topic, "")
        key = self.keys.named_by(writer, header) or self._just_made(writer, header)
        message = message_of(record.topic, record.key, covered, record.value)
        if message is None or not key.made(header, message):
            raise Permanent(
                Reason.FORGED, f"key {key.key_id} of {writer} did not sign this topic, key, headers and value"
            )
        return True

    def _unsigned(self, record: ConsumerRecord) -> None:
        if self.rules is not None and not self.rules:
            return
        if record.offset >= (self.rules or {}).get((record.topic, record.partition), 0):
            raise Permanent(Reason.UNSIGNED, "it has no signature, and is not from before there were any")

    def _just_made(self, writer: str, header: bytes) -> EventKey:
        """A writer may have begun to sign by a new key a moment ago: its readers' files were written before its own."""
        if self._again is not None:
            self.keys = self._again()
        key = self.keys.named_by(writer, header)
        if key is None:
            told = header.decode("ascii", "replace").partition(" ")[2].partition(" ")[0]
            raise Permanent(Reason.FORGED, f"signed by key {told[:16]!a}, which is none of {writer}'s")
        return key


class KeyFile:
    """The file of event keys of a running service, read anew when it changes: a rotation needs no restart."""

    def __init__(self, path: Path, service: str) -> None:
        self._path = path
        self._service = service
        self._keys = EventKeys.read(path)
        self._keys.check(service)
        self._mark = self._look()
        self.own = self._keys.own(service)
        self.signatures = Signatures(self._keys, None, self.refresh)

    def signer(self) -> EventKey:
        """The key to sign by now."""
        return self.own

    def refresh(self) -> EventKeys:
        """Read the file if it changed; one that cannot be used changes nothing."""
        mark = self._look()
        if mark == self._mark:
            return self._keys
        self._mark = mark
        try:
            keys = EventKeys.read(self._path)
            keys.check(self._service)
        except KeysUnusable as error:
            log.error("event keys refused", extra={"action": "event_keys_refused", "why": f"its file {error}"})
            return self._keys
        self._keys = self.signatures.keys = keys
        self.own = keys.own(self._service)
        log.info("event keys read", extra={"action": "event_keys_read", "signs": self.own.key_id})
        return keys

    async def read_rules(self, database: Database) -> None:
        """Look from where on events must be signed. Says so, and counts, while nothing must be."""
        rows = await database.fetch(_RULES)
        rules = {(row["topic"], row["partition"]): row["from_offset"] for row in rows}
        first, self.signatures.rules = self.signatures.rules is None, rules
        metrics.SIGNATURES_REQUIRED.labels(self._service).set(1 if rules else 0)
        if first and not rules:
            log.warning(
                "events without a signature are believed",
                extra={"action": "unsigned_accepted", "mend": "redress keys require-signatures, after the upgrade"},
            )

    def _look(self) -> tuple[int, int, int]:
        try:
            found = self._path.expanduser().stat()
        except OSError:
            return (0, 0, 0)
        return (found.st_mtime_ns, found.st_size, found.st_ino)
