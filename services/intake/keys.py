"""Channel keys: who holds which, made, revoked, and looked up without a query per request.

A key is 32 random bytes behind `rk_`. Only its SHA-256 is stored; it is shown once, when it is made.
"""

import asyncio
import hashlib
import logging
import re
import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.intake import store
from services.intake.domain.admission import Client
from services.intake.store import Q, Reads
from services.intake.writer import Unavailable
from shared.events.envelope import Channel
from shared.runtime.errors import safe_text
from shared.runtime.web.rates import Bucket, rate_headers

log = logging.getLogger(__name__)

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_PACK: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_HEX: Final = re.compile(r"[0-9a-f]{8,64}")
_PAUSE = 0.2  # seconds between two reads that unknown keys ask for


class BadClient(ValueError):
    """A client cannot be made or changed like that; says why in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A client as `redress channels list` shows it; keys by the first eight hex digits of their hash."""

    name: str
    channel: str | None
    pack: str
    store_id: str | None
    rate: float | None
    built_in: bool
    created_at: datetime
    live_keys: list[str]


def hash_of(key: str) -> bytes:
    """What is stored of a key. Keys are random, so a plain hash is as good as a slow one."""
    return hashlib.sha256(key.encode()).digest()


async def add_key(
    db: Reads,
    *,
    name: str,
    channel: Channel,
    pack: str,
    store_id: str | None = None,
    rate: float | None = None,
    key: str | None = None,
) -> str:
    """Give a client one more key, making the client first if there is none of that name.

    Args:
        db: a connection to intake's schema.
        name: lower case letters, digits, `_ . -`.
        channel: what it files for.
        pack: the policy pack its complaints belong to.
        store_id: binds it to one store.
        rate: complaints per second on average; by default INTAKE_KEY_RATE.
        key: a key made elsewhere, at least 32 characters; by default a new one. Giving it twice changes nothing.

    Returns:
        The key, to be shown once.

    Raises:
        BadClient: the name or pack is not acceptable, the name is one of our own pages', or has another channel, pack or store.
    """
    if not _NAME.fullmatch(name):
        raise BadClient("a client's name has 1 to 63 lower case letters, digits, '_', '.' or '-'")
    if key is not None and (len(key) < 32 or not key.isascii() or not key.isprintable() or " " in key):
        raise BadClient("a key has at least 32 printable ASCII characters without spaces")
    if not _PACK.fullmatch(pack):
        raise BadClient("a pack is named by its folder: lower case letters, digits, '_' or '-'")
    key = key or f"rk_{secrets.token_urlsafe(32)}"
    await db.fetchval(Q.add_client, name, channel, pack, store_id, rate)
    row = await db.fetchrow(Q.client_by_name, name)
    if row["built_in"]:
        raise BadClient(f"{name} is one of our own pages and has no key")
    for what, held, wished in (
        ("channel", row["channel"], channel),
        ("pack", row["pack"], pack),
        ("store", row["store_id"], store_id),
    ):
        if held != wished:
            raise BadClient(f"{name} exists with {what} {held or 'none'}: choose another name or that {what}")
    await db.execute(Q.add_key, hash_of(key), row["client_id"])
    owner = await db.fetchrow(Q.owner_of_key, hash_of(key))
    if owner["client_id"] != row["client_id"] or owner["revoked_at"] is not None:
        raise BadClient("this key was revoked or belongs to another client: make a new one")
    return key


async def revoke(db: Reads, name: str, key: str | None = None, begins: str | None = None) -> int:
    """Revoke all keys of a client, or one; answers how many were live.

    Args:
        db: a connection to intake's schema.
        name: the client.
        key: the one to revoke.
        begins: the one to revoke as `list` names it: the first eight hex digits of its hash, or more.

    Raises:
        BadClient: `begins` is no such name.
    """
    if begins is not None and not _HEX.fullmatch(begins):
        raise BadClient("a key is named by the first eight hex digits of its hash, as the list shows them")
    return int(await db.fetchval(Q.revoke_keys, name, hash_of(key) if key else None, begins))


async def listed(db: Reads) -> list[Listed]:
    """All clients."""
    return [Listed(**row) for row in await db.fetch(Q.list_clients)]


class KeyRing:
    """Key hash → client, in memory, read again every few seconds and when an unknown key knocks.

    While the database is away the keys read last stay valid, so that a caller hears 503 and not 401.
    """

    def __init__(self, db: Reads, seconds: float, rate: float = 1_000.0) -> None:
        self._db = db
        self._seconds = seconds
        self._rate = rate
        self._clients: dict[bytes, Client] = {}
        self._buckets: dict[int, Bucket] = {}
        self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def client_of(self, key: str) -> Client | None:
        """Whose key this is; None when it is nobody's or was revoked.

        Raises:
            Unavailable: the key is not known and the database cannot be asked.
        """
        digest = hash_of(key)
        client = self._clients.get(digest)
        if client is None:
            joined = await self._read_again()
            if joined and digest not in self._clients:  # that read may have begun before the key was made
                await self._read_again()
            client = self._clients.get(digest)
        return client

    def wait(self, client: Client, cost: int = 1) -> float:
        """Seconds until the client may send so many complaints; 0.0: now, and they are counted.

        What may be sent at once is two seconds' worth. A batch of more is taken when nothing is owed, and paid back.
        """
        return self._bucket(client).wait(time.monotonic(), cost)

    def wait_for_any(self, client: Client) -> float:
        """Seconds until the client may send a batch of any size, where it may send nothing at all now; else 0.0."""
        bucket, now = self._bucket(client), time.monotonic()
        return bucket.until_full(now) if bucket.left(now) < 1 else 0.0

    def headers(self, client: Client) -> list[tuple[bytes, bytes]]:
        """What the client is told of its rate with every answer."""
        return rate_headers("complaints", self._bucket(client), time.monotonic())

    def _bucket(self, client: Client) -> Bucket:
        rate = client.rate or self._rate
        bucket = self._buckets.get(client.client_id)
        if bucket is None or bucket.rate != rate:
            bucket = self._buckets[client.client_id] = Bucket(rate=rate, burst=max(1.0, rate * 2))
        return bucket

    async def run(self, stop: asyncio.Event) -> None:
        """Keep current until told to stop."""
        while not stop.is_set():
            try:
                await self._read()
            except Exception as error:
                log.warning("channel keys not read", extra={"action": "keys_read", "error": safe_text(error)})
            try:
                async with asyncio.timeout(self._seconds):
                    await stop.wait()
            except TimeoutError:
                continue

    async def _read_again(self) -> bool:
        """Read the keys once for all who wait; whoever floods us with wrong keys costs one query per pause.

        Returns:
            Whether a read that was already under way was joined.
        """
        joined = self._reading is not None and not self._reading.done()
        if not joined:
            self._reading = asyncio.create_task(self._read_soon())
        assert self._reading is not None
        try:
            await asyncio.shield(self._reading)
        except Exception as error:
            raise Unavailable("channel keys cannot be read", retry_after=2.0) from error
        return joined

    async def _read_soon(self) -> None:
        await asyncio.sleep(max(0.0, self._read_at + _PAUSE - time.monotonic()))
        await self._read()

    async def _read(self) -> None:
        self._clients = await store.live_keys(self._db)
        self._read_at = time.monotonic()
