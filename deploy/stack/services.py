"""How the four services are run locally: one process each, everything they need in the environment."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from deploy.stack.ports import Ports
from deploy.stack.process import ProcessSpec, plain_environment
from deploy.stack.settings import CHECKOUT
from shared.runtime.kafka_access import KafkaAccess

NAMES = ("intake", "router", "sla", "notifier")
#: Variables that reach every service as they are in the shell; those that begin with `<SERVICE>_` reach that service.
_PASSED_ON = (
    *("LOG_LEVEL", "TRACE_RATIO", "TRACES_PER_SECOND", "OTEL_EXPORTER_OTLP_ENDPOINT", "DEFAULT_PACK", "DATABASE_POOL"),
    *("OUTBOX_DAYS", "SESSION_IDLE_MINUTES"),
    *("BATCH_RECORDS", "WATCHDOG_SECONDS", "POLICIES_DIR", "TRUSTED_PROXIES", "KEEP_DAYS"),
    *("PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGSSLCRL", "PGSSLMINPROTOCOLVERSION"),
    *("HTTP_HEAD_BYTES", "HTTP_BODY_BYTES", "HTTP_HEAD_SECONDS", "HTTP_BODY_SECONDS", "HTTP_BODY_RATE"),
    *("HTTP_IDLE_SECONDS", "HTTP_CONNECTIONS", "HTTP_CONNECTIONS_PER_ADDRESS"),
)
#: Tracing every complaint costs a third of the throughput, and the viewer keeps about 1,500: people at a keyboard see the
#: trace of all they do, a run of thousands is traced in samples.
_TRACES_PER_SECOND = 10
#: The notifier waits for a mail server's answer to a mail it has (60 s at most by default), else the mail is sent twice.
_GRACE = {"notifier": 105.0}
#: The folders that a service is made of.
SOURCES = ("services", "shared", "deploy/policies")
_SUFFIXES = frozenset({".py", ".sql", ".yaml", ".html", ".j2", ".txt", ".css", ".js", ".svg", ".json"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the services find around them.

    Attributes:
        home: The state folder.
        ports: Where each service listens.
        database: The administrator's DSN of the one database.
        passwords: Service → password of its role.
        kafka: Where Kafka is and how the operator gets in; a service may have a sign-in of its own.
        smtp: Where mail goes.
        mail: Page of the mail catcher, empty when there is none.
        traces: Page of the trace viewer, empty when there is none.
        spans: Where spans go, empty when nowhere.
        master_key: File with the key that wraps the keys of persons.
        master_keys_old: Files with other master keys, comma separated.
        vault: The administrator's DSN of the database with the keys of persons, where that is another one.
        session_key: File with the key that signs sessions.
        event_keys: Folder with one file of event keys per service.
        web_assets: Folder with the unpacked WebJars.
    """

    home: Path
    ports: Ports
    database: str
    passwords: Mapping[str, str]
    kafka: KafkaAccess | str
    smtp: str
    mail: str
    traces: str
    spans: str
    master_key: Path
    session_key: Path
    event_keys: Path
    web_assets: Path
    master_keys_old: str = ""
    vault: str | None = None


def url_of(ports: Ports, service: str) -> str:
    """The address of a service's pages and API."""
    return f"http://127.0.0.1:{getattr(ports, service)}"


def ops_url_of(ports: Ports, service: str) -> str:
    """Where a service tells operators its metrics and its API."""
    return f"http://127.0.0.1:{ports.ops(service)}"


def as_role(dsn: str, role: str, password: str) -> str:
    """Return `dsn` with another user and password."""
    parts = urlsplit(dsn)
    _, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{role}:{quote(password, safe='')}@{host}"))


def _as_service(dsn: str, name: str, around: Surroundings) -> str:
    return as_role(dsn, f"redress_{name}", around.passwords[name])


def service_spec(name: str, around: Surroundings) -> ProcessSpec:
    """Say how a service is run."""
    environment = {
        "DATABASE_URL": _as_service(around.database, name, around),
        **_kafka(KafkaAccess.of(around.kafka)),
        "SMTP_URL": around.smtp,
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": str(getattr(around.ports, name)),
        "OPS_PORT": str(around.ports.ops(name)),
        "PUBLIC_DOCS_URL": f"{ops_url_of(around.ports, 'intake')}/docs",
        "MASTER_KEY_FILE": str(around.master_key),
        "SESSION_KEY_FILE": str(around.session_key),
        "EVENT_KEYS_FILE": str(around.event_keys / f"{name}.json"),
        "POLICIES_DIR": str(CHECKOUT / "deploy" / "policies"),
        "WEB_ASSETS_DIR": str(around.web_assets),
        "PUBLIC_MAIL_URL": around.mail,
        "INTAKE_SENT_MAIL_URL": around.mail,
        "PUBLIC_TRACES_URL": around.traces,
        "TRACES_URL": around.spans,
        "TRACES_PER_SECOND": str(_TRACES_PER_SECOND),
        **{f"PUBLIC_{other.upper()}_URL": url_of(around.ports, other) for other in NAMES},
        **({"MASTER_KEYS_OLD": around.master_keys_old} if around.master_keys_old else {}),
        **({"VAULT_DATABASE_URL": _as_service(around.vault, name, around)} if around.vault else {}),
        **_from_shell(name),
    }
    return ProcessSpec(
        name=name,
        argv=(sys.executable, "-m", f"services.{name}"),
        env=plain_environment(**environment),
        log=around.home / "logs" / f"{name}.log",
        cwd=CHECKOUT,
        grace=_GRACE.get(name, 30.0),
    )


def is_ready(url: str) -> bool:
    """Ask a service whether it is ready."""
    try:
        with urlopen(Request(f"{url}/readyz"), timeout=1.0) as answer:  # noqa: S310 - our own http address
            return bool(answer.status == 200)
    except OSError:
        return False


def fingerprint(*sources: str) -> str:
    """Name the content of these folders as it is on disk now; by default the services' code and policies."""
    found = hashlib.sha256()
    for source in sources or SOURCES:
        for folder, folders, files in os.walk(CHECKOUT / source):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            for name in sorted(files):
                path = Path(folder) / name
                if path.suffix in _SUFFIXES:
                    stat = path.stat()
                    found.update(f"{path}:{stat.st_size}:{stat.st_mtime_ns}\n".encode())
    return found.hexdigest()[:16]


def _from_shell(service: str) -> dict[str, str]:
    """What of the shell reaches a service. `INTAKE_KAFKA_…` is intake's own sign-in: it gets it as `KAFKA_…`."""
    prefix = f"{service.upper()}_"
    found = {name: text for name, text in os.environ.items() if name in _PASSED_ON or name.startswith(prefix)}
    own = {name: text for name, text in found.items() if name.startswith(f"{prefix}KAFKA_")}
    return {**found, **{name.removeprefix(prefix): text for name, text in own.items()}}


def _kafka(access: KafkaAccess) -> dict[str, str]:
    security = access.security
    wanted = {
        "KAFKA_BOOTSTRAP_SERVERS": access.servers,
        "KAFKA_SASL_USERNAME": security.username,
        "KAFKA_SASL_PASSWORD_FILE": _absolute(security.password_file),
        "KAFKA_SSL_CAFILE": _absolute(security.cafile),
        "KAFKA_SSL_CERTFILE": _absolute(security.certfile),
        "KAFKA_SSL_KEYFILE": _absolute(security.keyfile),
    }
    if security.protocol != "PLAINTEXT":
        wanted |= {"KAFKA_SECURITY_PROTOCOL": security.protocol, "KAFKA_SASL_MECHANISM": security.mechanism}
    return {name: text for name, text in wanted.items() if text}


def _absolute(path: Path | None) -> str | None:
    """The services run in another folder than the shell that names a file."""
    return None if path is None else str(path.expanduser().absolute())
