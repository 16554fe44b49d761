"""One open SMTP connection between handshake and farewell: mail transactions, pipelined where the server allows it.

aiosmtplib makes the connection (greeting, STARTTLS, EHLO, AUTH). From then on this protocol holds the transport, for
two reasons: aiosmtplib writes one command at a time (RFC 2920 allows three in one packet, which halves the cost), and
it cannot say whether a connection was lost before or after the final dot, which decides between "send again" and
"unknown". Addresses must have passed `parse_address`: they are written into commands.
"""

import asyncio
import re
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from services.notifier.channels.outcome import SENT, Outcome, Stage, Verdict

_MAX_REPLY = 16_384
_ENHANCED = re.compile(r"5\.(\d{1,3})\.(\d{1,3})(?!\d)")
_OF_SENDER_ADDRESS = frozenset({7, 8})
_NO_SUCH_MAILBOX = frozenset({1, 2, 3, 6, 10})
"""Details of 5.1.x (RFC 3463 §3.2, RFC 7505)."""
_OF_MAILBOX = frozenset({550, 551, 553, 556})
"""What a server without enhanced codes says of a recipient (RFC 5321 §4.2.3, RFC 7504)."""


class Lost(ConnectionError):
    """The connection ended, or the server answered something that is no SMTP reply."""


class Slow(TimeoutError):
    """The server did not answer in the time of the stage."""


class Reply(NamedTuple):
    """A server's answer: three digits and the last line's text."""

    code: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds to wait at each stage. After the final dot longest: a spurious timeout there makes copies (RFC 5321)."""

    connect: float = 15.0
    command: float = 30.0
    dot: float = 60.0

    @property
    def whole(self) -> float:
        """The longest that one attempt can take."""
        return self.connect * 3 + self.command * 4 + self.dot


class Conversation(asyncio.Protocol):
    """Mail transactions on one transport, one after the other.

    Attributes:
        owes_answer: the server has a whole mail, and has not said yet whether it takes it.
    """

    def __init__(self, transport: asyncio.Transport, *, pipelining: bool, patience: Patience) -> None:
        self._transport = transport
        self._pipelining = pipelining
        self._patience = patience
        self._buffer = b""
        self._replies: deque[Reply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._broken = False
        self._stage = Stage.MAIL
        self.owes_answer = False
        self._loop = asyncio.get_running_loop()
        transport.set_protocol(self)

    @property
    def connected(self) -> bool:
        """Whether the connection stands, perhaps in the middle of a transaction."""
        return not (self._broken or self._transport.is_closing())

    @property
    def usable(self) -> bool:
        """Whether another transaction may begin: connected, and the server has said nothing unasked (421)."""
        return self.connected and not (self._replies or self._buffer)

    async def send(self, sender: str, recipient: str, message: bytes) -> Outcome:
        """One transaction. `message` has CRLF line ends, ends with one, and no line starts with a dot."""
        envelope = (
            (Stage.MAIL, b"MAIL FROM:<" + sender.encode("ascii") + b">\r\n"),
            (Stage.RCPT, b"RCPT TO:<" + recipient.encode("ascii") + b">\r\n"),
            (Stage.DATA, b"DATA\r\n"),
        )
        try:
            replies = await self._exchange(envelope)
            refusal = _refusal(replies)
            if refusal is not None:
                return await self._take_back(refusal, gives_data=len(replies) == 3 and replies[2].code == 354)
            self._stage = Stage.DOT
            self._write(message + b".\r\n")
            self.owes_answer = True
            reply = await self._reply(self._patience.dot)
            self.owes_answer = False
            return self._judged(reply)
        except (Lost, Slow) as error:
            self.owes_answer = False
            self.close()
            return _broken_off(self._stage, error)

    async def _exchange(self, envelope: tuple[tuple[Stage, bytes], ...]) -> list[Reply]:
        """Say the commands and hear the answers: in one packet where allowed, else one by one up to a refusal."""
        replies: list[Reply] = []
        self._stage = Stage.MAIL
        if self._pipelining:
            self._write(b"".join(command for _, command in envelope))
        for self._stage, command in envelope:
            if not self._pipelining:
                self._write(command)
            replies.append(await self._reply(self._patience.command))
            if replies[-1].code == 421 or (replies[-1].code >= 400 and not self._pipelining):
                break
        return replies

    async def quit(self) -> None:
        """Say goodbye and close; never fails."""
        if self.usable:
            try:
                self._write(b"QUIT\r\n")
                await self._reply(2.0)
            except (Lost, Slow):
                pass
        self.close()

    def close(self) -> None:
        """Close without goodbye."""
        self._broken = True
        self._transport.close()

    async def _take_back(self, refusal: Outcome, *, gives_data: bool) -> Outcome:
        """Leave the connection fit for the next transaction, or close it; the refusal stands either way."""
        try:
            if gives_data:  # RFC 2920 §3.1: a server may want data although it refused the only recipient
                self._write(b".\r\n")
                await self._reply(self._patience.command)
            if refusal.reason == "smtp_421":
                raise Lost
            self._write(b"RSET\r\n")
            if (await self._reply(self._patience.command)).code >= 400:
                raise Lost
        except (Lost, Slow):
            self.close()
        return refusal

    def _judged(self, reply: Reply) -> Outcome:
        if reply.code < 300:
            return SENT
        if reply.code == 421:
            self.close()
        return _refused(Stage.DOT, reply)

    def _write(self, data: bytes) -> None:
        if self._broken or self._transport.is_closing():
            raise Lost
        self._transport.write(data)

    async def _reply(self, seconds: float) -> Reply:
        while not self._replies:
            if self._broken:
                raise Lost
            self._waiter = self._loop.create_future()
            timer = self._loop.call_later(seconds, self._too_slow)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
        return self._replies.popleft()

    def _too_slow(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(Slow())

    # -- asyncio.Protocol ----------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Cut the stream into replies; a continued reply (`250-`) counts with its last line."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for whole in lines:
            line = whole.rstrip(b"\r")
            if line[3:4] == b"-":
                continue
            if not line[:3].isdigit():
                self.close()
                break
            self._replies.append(Reply(int(line[:3]), line[4:].decode("ascii", "replace")))
        if len(self._buffer) > _MAX_REPLY:
            self.close()
        self._wake()

    def eof_received(self) -> bool:
        """The server is done: so are we."""
        self._broken = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits for a reply hears that there will be none."""
        self._broken = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _refusal(replies: list[Reply]) -> Outcome | None:
    """The first refusal among the answers to MAIL, RCPT and DATA."""
    for stage, reply in zip((Stage.MAIL, Stage.RCPT, Stage.DATA), replies, strict=False):
        if reply.code >= 400 or (stage is Stage.DATA and reply.code != 354):
            return _refused(stage, reply)
    return None


def _refused(stage: Stage, reply: Reply) -> Outcome:
    """5xx is for good where it speaks of the recipient's mailbox. Whatever else is refused for good speaks of us (rights,
    sending limit, content) and can be mended: the same mail may be taken tomorrow.
    """
    lasting = reply.code >= 500
    enhanced = _ENHANCED.match(reply.text) if lasting and stage is not Stage.MAIL else None
    subject, detail = (int(enhanced[1]), int(enhanced[2])) if enhanced else (0, 0)
    if enhanced:
        of_mailbox = subject == 2 or (subject == 1 and detail not in _OF_SENDER_ADDRESS)
    else:
        of_mailbox = stage is Stage.RCPT and reply.code in _OF_MAILBOX
    return Outcome(
        verdict=Verdict.PERMANENT if of_mailbox else Verdict.TRANSIENT,
        stage=stage,
        reason=f"smtp_{reply.code}",
        bad_mailbox=subject == 1 and detail in _NO_SUCH_MAILBOX,
        ours=lasting and not of_mailbox,
    )


def _broken_off(stage: Stage, error: Lost | Slow) -> Outcome:
    how = "slow" if isinstance(error, Slow) else "lost"
    verdict = Verdict.UNKNOWN if stage is Stage.DOT else Verdict.TRANSIENT
    return Outcome(verdict=verdict, stage=stage, reason=f"{how}_at_{stage}")
