"""The e-mail channel: persistent connections to the company's mail relay, opened when needed, each used by one sender."""

import asyncio
import ipaddress
import logging
from dataclasses import dataclass, field
from typing import Literal, cast
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib
from aiosmtplib.errors import SMTPException

from services.notifier.channels.conversation import Conversation, Patience
from services.notifier.channels.outcome import Outcome, Stage, Verdict

log = logging.getLogger(__name__)


class BadSmtpUrl(ValueError):
    """SMTP_URL cannot be used. Says why; never quotes the password."""


class ChannelAway(ConnectionError):
    """No connection could be made: nothing was sent."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Where mails are handed over, from `smtp://[user:password@]host[:port][?tls=auto|require|off]` or `smtps://`."""

    host: str
    port: int
    wrapped: bool
    starttls: bool | None
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def from_url(cls, url: str) -> "Relay":
        """Read SMTP_URL. TLS is taken where it is offered, except on this machine.

        Raises:
            BadSmtpUrl: with what is wrong.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise BadSmtpUrl("SMTP_URL is no URL such as smtp://mail.example:587") from None
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise BadSmtpUrl("SMTP_URL must look like smtp://user:password@mail.example:587 or smtps://…")
        tls = parse_qs(parts.query).get("tls", ["off" if _is_here(parts.hostname) else "auto"])[-1]
        if tls not in ("auto", "require", "off"):
            raise BadSmtpUrl("SMTP_URL: tls must be auto, require or off")
        wrapped = parts.scheme == "smtps"
        chosen: dict[str, bool | None] = {"auto": None, "require": True, "off": False}
        return cls(
            host=parts.hostname,
            port=port or (465 if wrapped else 25),
            wrapped=wrapped,
            starttls=False if wrapped else chosen[cast(Literal["auto", "require", "off"], tls)],
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class SmtpConnection:
    """One connection, opened at the first mail and again when it is gone. Used by one sender at a time."""

    def __init__(self, relay: Relay, *, hello: str, patience: Patience) -> None:
        self._relay = relay
        self._hello = hello
        self._patience = patience
        self._conversation: Conversation | None = None
        self._in_use = asyncio.Lock()

    @property
    def stands(self) -> bool:
        """Whether a mail could be sent without connecting first; one that is in the middle of a mail stands too."""
        if self._conversation is None:
            return False
        return self._conversation.connected if self._in_use.locked() else self._conversation.usable

    @property
    def owes_answer(self) -> bool:
        """Whether the server has a whole mail and has not said yet whether it takes it."""
        return self._conversation is not None and self._conversation.owes_answer

    async def open(self) -> None:
        """Make sure that the connection stands; waits while a mail is on its way, and never breaks it off.

        Raises:
            ChannelAway: the relay cannot be reached, or refuses us.
        """
        async with self._in_use:
            await self._ensure()

    async def send(self, sender: str, recipient: str, message: bytes) -> Outcome:
        """Hand over one mail. Never raises for what a server or a network does."""
        used_before = self.stands
        async with self._in_use:
            outcome = await self._attempt(sender, recipient, message)
            if used_before and outcome.stage is Stage.MAIL and outcome.reason == "lost_at_mail":
                # A relay may close an idle connection at any time; that is no failure of this mail.
                outcome = await self._attempt(sender, recipient, message)
            return outcome

    async def close(self) -> None:
        """Say goodbye."""
        if self._conversation is not None:
            conversation, self._conversation = self._conversation, None
            await conversation.quit()

    async def _attempt(self, sender: str, recipient: str, message: bytes) -> Outcome:
        try:
            await self._ensure()
        except ChannelAway as away:
            return Outcome(verdict=Verdict.TRANSIENT, stage=Stage.CONNECT, reason=away.reason)
        assert self._conversation is not None
        return await self._conversation.send(sender, recipient, message)

    async def _ensure(self) -> None:
        """Have a conversation in which a transaction may begin."""
        if self._conversation is not None and self._conversation.usable:
            return
        if self._conversation is not None:
            self._conversation.close()
        self._conversation = await self._connect()

    async def _connect(self) -> Conversation:
        relay = self._relay
        client = aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            timeout=self._patience.connect,
            local_hostname=self._hello,
            use_tls=relay.wrapped,
            start_tls=relay.starttls,
            username=relay.user,
            password=relay.password,
        )
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
        except (SMTPException, OSError, TimeoutError) as error:
            client.close()
            raise ChannelAway(_reason(error)) from error
        pipelining = client.supports_extension("pipelining")
        transport = client.transport
        if transport is None:
            raise ChannelAway("lost_at_connect")
        return Conversation(transport, pipelining=pipelining, patience=self._patience)  # type: ignore[arg-type]


def _reason(error: Exception) -> str:
    code = getattr(error, "code", None)
    if isinstance(code, int) and 400 <= code < 600:
        return f"smtp_{code}"
    return "slow_at_connect" if isinstance(error, TimeoutError) else "lost_at_connect"
