"""An SMTP server that does what a test tells it: accept, refuse, hang or cut the line, at any stage."""

import asyncio
import email
from collections import Counter, deque
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from typing import Self

STAGES = ("banner", "mail", "rcpt", "data", "dot")


@dataclass(frozen=True)
class Step:
    """What to do in one transaction: nothing special, or `do` at `stage`.

    `do` is a reply to give instead (`451 later`), `cut` (close without an answer), `accept_then_cut` (take the
    message, then close: the answer is lost), or `hang` (say nothing until released).
    """

    stage: str = ""
    do: str = ""


@dataclass
class Taken:
    """A message the server took responsibility for."""

    sender: str
    recipient: str
    raw: bytes
    commands: list[bytes] = field(default_factory=list)

    @property
    def parsed(self) -> EmailMessage:
        message = email.message_from_bytes(self.raw, policy=policy.SMTP)
        assert isinstance(message, EmailMessage)
        return message

    @property
    def message_id(self) -> str:
        return str(self.parsed["Message-ID"])

    @property
    def text(self) -> str:
        part = self.parsed.get_body(("plain",))
        assert part is not None
        return str(part.get_content())


class ScriptedSmtp:
    """Listens on a free port of this machine. `async with ScriptedSmtp() as smtp:`"""

    def __init__(self, *, pipelining: bool = True, delay: float = 0.0) -> None:
        self.taken: list[Taken] = []
        self.script: deque[Step] = deque()
        self.always: Step | None = None
        self.by_recipient: dict[str, Step] = {}
        self.connections = 0
        self.commands: Counter[str] = Counter()
        self.hanging = 0
        self.changed = asyncio.Event()
        self._pipelining = pipelining
        self._delay = delay
        self._release = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=2**22)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self.release()
        assert self._server is not None
        self._server.close()
        self.drop_connections()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def release(self) -> None:
        """Let every hanging transaction go on."""
        self._release.set()

    def drop_connections(self) -> None:
        """Close every open connection, as an idle relay does."""
        for writer in list(self._open):
            writer.close()

    async def until(self, count: int) -> None:
        """Wait until so many messages are taken."""
        try:
            async with asyncio.timeout(20):
                while len(self.taken) < count:
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            subjects = [str(taken.parsed["Subject"]) for taken in self.taken]
            raise AssertionError(f"{len(self.taken)} of {count} mails came: {subjects}") from None

    def by_message_id(self) -> Counter[str]:
        return Counter(taken.message_id for taken in self.taken)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            if self.always is not None and self.always.stage == "banner":
                await self._act(writer, self.always)
            writer.write(b"220 scripted\r\n")
            while line := await reader.readline():
                verb = line.split(b" ", 1)[0].strip().upper().decode("ascii", "replace")
                self.commands[verb] += 1
                if verb == "EHLO":
                    ready = b"250-scripted\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
                    writer.write(ready if self._pipelining else b"250-scripted\r\n250 8BITMIME\r\n")
                elif verb == "MAIL":
                    await self._transaction(line, reader, writer)
                elif verb == "QUIT":
                    writer.write(b"221 bye\r\n")
                    return
                else:
                    writer.write(b"250 ok\r\n")
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _transaction(self, mail: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        step = self.always or (self.script.popleft() if self.script else Step())
        if await self._act(writer, step, "mail"):
            return
        rcpt = await reader.readline()
        recipient = rcpt.partition(b"<")[2].partition(b">")[0].decode()
        step = self.by_recipient.get(recipient, step)
        if await self._act(writer, step, "rcpt"):
            if step.do[:1].isdigit() and self._pipelining:
                await reader.readline()  # the DATA that was sent along
                writer.write(b"503 no recipient\r\n")
            return
        data = await reader.readline()
        if await self._act(writer, step, "data", b"354 go\r\n"):
            return
        raw = bytearray()
        while (line := await reader.readline()) != b".\r\n":
            if not line:
                raise ConnectionError
            raw += line.removeprefix(b".") if line.startswith(b".") else line
        taken = Taken(mail.partition(b"<")[2].partition(b">")[0].decode(), recipient, bytes(raw), [mail, rcpt, data])
        if step.stage == "dot" and step.do == "accept_then_cut":
            self._take(taken)
            raise ConnectionError
        if self._delay:
            await asyncio.sleep(self._delay)
        if not await self._act(writer, step, "dot", b"250 taken\r\n"):
            self._take(taken)

    def _take(self, taken: Taken) -> None:
        self.taken.append(taken)
        self.changed.set()

    async def _act(
        self, writer: asyncio.StreamWriter, step: Step, stage: str = "banner", fine: bytes = b"250 ok\r\n"
    ) -> bool:
        """Answer at a stage. True when the transaction is over."""
        if step.stage != stage:
            if stage != "banner":
                writer.write(fine)
            return False
        if step.do == "hang":
            self.hanging += 1
            self.changed.set()
            await self._release.wait()
            if stage != "banner":
                writer.write(fine)
            return False
        if step.do == "cut":
            raise ConnectionError
        writer.write(step.do.encode() + b"\r\n")
        await writer.drain()
        if step.do.startswith("421"):
            raise ConnectionError
        return True
