"""Runs the mail catcher: `python -m deploy.stack.mail --smtp PORT --http PORT --folder DIR --keep N`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import threading
from pathlib import Path

import uvloop

from deploy.stack.mail.mailbox import Mailbox
from deploy.stack.mail.smtp import SmtpSession
from deploy.stack.mail.web import MailWebServer


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m deploy.stack.mail")
    parser.add_argument("--smtp", type=int, required=True)
    parser.add_argument("--http", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--keep", type=int, default=20_000)
    options = parser.parse_args()
    mailbox = Mailbox(options.folder, options.keep)
    web = MailWebServer(options.http, mailbox)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    try:
        uvloop.run(_serve(options.smtp, mailbox))
    finally:
        web.shutdown()
        web.server_close()
        mailbox.close()


async def _serve(port: int, mailbox: Mailbox) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(lambda: SmtpSession(mailbox.add), "127.0.0.1", port, backlog=256)
    await stop.wait()
    server.close()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(server.wait_closed(), 0.2)


if __name__ == "__main__":
    main()
