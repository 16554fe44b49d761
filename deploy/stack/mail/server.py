"""The mail catcher as a server of the stack."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from deploy.stack.process import ProcessSpec, Server, plain_environment
from deploy.stack.settings import CHECKOUT


class MailCatcher(Server):
    """A mail catcher whose messages lie in `home/mail`.

    Args:
        home: The state folder.
        smtp_port: Where messages are accepted, on 127.0.0.1.
        http_port: Where they are shown, on 127.0.0.1.
        keep: How many messages to keep.
    """

    def __init__(self, home: Path, smtp_port: int, http_port: int, *, keep: int = 20_000) -> None:
        super().__init__()
        self._home = home.absolute()
        self._smtp_port = smtp_port
        self._http_port = http_port
        self._keep = keep

    @property
    def smtp_url(self) -> str:
        """Address for those who send."""
        return f"smtp://127.0.0.1:{self._smtp_port}"

    @property
    def web_url(self) -> str:
        """Address for those who read."""
        return f"http://127.0.0.1:{self._http_port}"

    def spec(self) -> ProcessSpec:
        """Run in the foreground."""
        ports = ("--smtp", str(self._smtp_port), "--http", str(self._http_port))
        rest = ("--folder", str(self._home / "mail"), "--keep", str(self._keep))
        return ProcessSpec(
            name="mail",
            argv=(sys.executable, "-m", "deploy.stack.mail", *ports, *rest),
            env=plain_environment(),
            log=self._home / "logs" / "mail.log",
            cwd=CHECKOUT,
            grace=5.0,
        )

    def is_ready(self) -> bool:
        """Both sides accept connections."""
        return all(accepts(port) for port in (self._smtp_port, self._http_port))


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Say whether something accepts a TCP connection."""
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False
