"""The local stack as a whole: which parts there are, how each is run, and at which addresses they answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deploy.keys import event_keys
from deploy.stack import services
from deploy.stack.artifacts import ArtifactCache, Part
from deploy.stack.java import Java
from deploy.stack.kafka import KafkaBroker
from deploy.stack.mail.server import MailCatcher
from deploy.stack.ports import Ports
from deploy.stack.postgres import PostgresServer
from deploy.stack.process import Server
from deploy.stack.record import Planned, RunFolder
from deploy.stack.settings import StackSettings
from deploy.stack.state import StateFolder
from deploy.stack.traces import TraceViewer
from shared.runtime.kafka_access import KafkaAccess

DATABASE = "redress"
#: The order in which people read about the parts.
NAMES = (*services.NAMES, "kafka", "postgres", "mail", "traces")
ROLES = (*services.NAMES, "auditor")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which parts are ours to run; existing servers are used as they are."""

    kafka: bool
    postgres: bool
    mail: bool
    traces: bool

    @classmethod
    def by(cls, settings: StackSettings) -> Wanted:
        """Read it from the settings."""
        return cls(
            kafka=settings.kafka_bootstrap_servers is None,
            postgres=settings.database_url is None,
            mail=settings.smtp_url is None,
            traces=settings.redress_traces,
        )

    @property
    def java(self) -> bool:
        """Whether anything needs a JVM."""
        return self.kafka or self.traces

    @property
    def parts(self) -> tuple[Part, ...]:
        """What has to be downloaded."""
        kafka: tuple[Part, ...] = ("kafka",) if self.kafka else ()
        return (*kafka, *(("traces",) if self.traces else ()), "web")


class LocalStack:
    """Everything `make up` runs, once the parts are downloaded.

    Args:
        settings: What the user asked for.
        java: The JVM, unless nothing needs one.
        cache: Holds the parts, all downloaded.
    """

    def __init__(self, settings: StackSettings, java: Java | None, cache: ArtifactCache) -> None:
        self.settings = settings
        self.home = settings.home
        self.ports = Ports.at(settings.redress_port_base)
        self.state = StateFolder(self.home)
        self.run = RunFolder(self.home)
        wanted = Wanted.by(settings)
        ports = self.ports
        self.postgres = PostgresServer(self.home, ports.postgres) if wanted.postgres else None
        self.kafka: KafkaBroker | None = None
        self.traces: TraceViewer | None = None
        self.mail: MailCatcher | None = None
        archives = settings.cache / "archives"
        if wanted.kafka and java is not None:
            jars = cache.fetch("kafka")
            self.kafka = KafkaBroker(
                self.home, ports.kafka, ports.kafka_controller, java=java, jars=jars, archives=archives
            )
        if wanted.traces and java is not None:
            jars = cache.unpack_application("traces")
            self.traces = TraceViewer(self.home, ports.traces, java=java, jars=jars, archives=archives)
        if wanted.mail:
            self.mail = MailCatcher(self.home, ports.smtp, ports.mail, keep=settings.redress_mail_keep)
        self.web_assets: Path = cache.unpack_web("web")

    @property
    def bootstrap(self) -> str:
        """Where Kafka is."""
        return self.kafka.bootstrap if self.kafka else str(self.settings.kafka_bootstrap_servers)

    @property
    def kafka_access(self) -> KafkaAccess:
        """Where Kafka is and how the operator gets in."""
        return KafkaAccess(self.bootstrap) if self.kafka else KafkaAccess(self.bootstrap, self.settings.kafka_security)

    @property
    def database(self) -> str:
        """The administrator's DSN of the database the services share."""
        return self.postgres.url(DATABASE) if self.postgres else str(self.settings.database_url)

    @property
    def vault(self) -> str | None:
        """The administrator's DSN of the database with the keys of persons, where that is another one."""
        return self.settings.vault_database_url

    @property
    def is_all_its_own(self) -> bool:
        """Whether nobody else uses the servers: database, Kafka and mail are ours."""
        return all(server is not None for server in (self.postgres, self.kafka, self.mail))

    @property
    def archives_missing(self) -> bool:
        """Whether a JVM could start faster than it did."""
        return any(server is not None and not server.archive.exists() for server in (self.kafka, self.traces))

    def passwords(self) -> dict[str, str]:
        """Role without `redress_` → password."""
        return self.state.passwords("roles", ROLES)

    def prepare(self) -> None:
        """Lay out the files of the servers."""
        for server in (self.postgres, self.kafka, self.traces, self.mail):
            if server is not None:
                server.prepare()

    def infrastructure(self) -> list[Planned]:
        """The plan of everything the services stand on. The servers are prepared."""
        plan = [_planned(self.postgres, tier=0)] if self.postgres else []
        plan.extend(_planned(server, tier=1) for server in (self.kafka, self.mail, self.traces) if server)
        return plan

    def everything(self) -> list[Planned]:
        """The whole plan."""
        around = self._surroundings()
        code = services.fingerprint()
        return [
            *self.infrastructure(),
            *(Planned(spec=services.service_spec(name, around), tier=2, fingerprint=code) for name in services.NAMES),
        ]

    def probes(self) -> dict[str, Callable[[], bool]]:
        """Name → whether that process answers; of all processes that are ours."""
        servers = {"postgres": self.postgres, "kafka": self.kafka, "mail": self.mail, "traces": self.traces}
        urls = {name: services.url_of(self.ports, name) for name in services.NAMES}
        return {
            **{name: server.is_ready for name, server in servers.items() if server is not None},
            **{name: partial(services.is_ready, url) for name, url in urls.items()},
        }

    def contents(self) -> str | None:
        """Name what a filled stack of ours contains: code, data folders, addresses. `None` with others' servers.

        While it stays the same there is nothing to migrate or create, so that everything can start at once.
        """
        if self.postgres is None or self.kafka is None or self.vault is not None:
            return None
        marks = [self.home / "postgres" / "PG_VERSION", self.home / "kafka" / "meta.properties"]
        if not all(mark.exists() for mark in marks):
            return None
        created = [f"{mark}:{mark.stat().st_ino}" for mark in marks]
        policies = [str(self.settings.policies_dir), self.settings.default_pack]
        # Written into endpoints.json when the stack is filled, so that it is written anew when one is switched off.
        viewers = [f"mail:{self.mail is not None}", f"traces:{self.traces is not None}"]
        code = services.fingerprint(*services.SOURCES, "deploy/stack")
        parts = [code, str(self.ports.base), *policies, *viewers, *created]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def endpoints(self, channel_keys: dict[str, str], sign_ins: list[dict[str, str]]) -> dict[str, Any]:
        """The content of `endpoints.json`."""
        return {
            **{name: services.url_of(self.ports, name) for name in services.NAMES},
            "ops": {name: services.ops_url_of(self.ports, name) for name in services.NAMES},
            "mail": self.mail.web_url if self.mail else None,
            "traces": self.traces.web_url if self.traces else "",
            "kafka": self.bootstrap,
            "kafka_security": self.kafka_access.security.model_dump(mode="json"),
            "postgres": self.database,
            "vault": self.vault or self.database,
            "channel_keys": channel_keys,
            "sign_ins": sign_ins,
        }

    def _master_key(self) -> Path:
        given = self.settings.master_key_file
        return given.expanduser().absolute() if given else self.state.key_file("master.key")

    def _event_keys(self) -> Path:
        folder = event_keys.folder_of(self.settings)
        event_keys.make_missing(folder)
        return folder

    def _surroundings(self) -> services.Surroundings:
        return services.Surroundings(
            home=self.home,
            ports=self.ports,
            database=self.database,
            passwords=self.passwords(),
            kafka=self.kafka_access,
            smtp=self.mail.smtp_url if self.mail else str(self.settings.smtp_url),
            mail=self.mail.web_url if self.mail else "",
            traces=self.traces.web_url if self.traces else "",
            spans=self.traces.spans_url if self.traces else "",
            master_key=self._master_key(),
            session_key=self.state.key_file("session.key", as_text=True),
            event_keys=self._event_keys(),
            web_assets=self.web_assets,
            master_keys_old=_absolute(self.settings.master_keys_old),
            vault=self.vault,
        )


def _absolute(files: str) -> str:
    """The services run in another folder than the shell that names the files."""
    return ",".join(str(Path(name.strip()).expanduser().absolute()) for name in files.split(",") if name.strip())


def _planned(server: Server, tier: int) -> Planned:
    """The plan of a server; its configuration is part of it, so that a changed one restarts the server."""
    configuration = server.configuration()
    mark = hashlib.sha256(configuration.encode()).hexdigest()[:16] if configuration else ""
    return Planned(spec=server.spec(), tier=tier, fingerprint=mark)


def database_host(dsn: str) -> str:
    """The server of a DSN without its secrets, for messages."""
    parts = urlsplit(dsn)
    return f"{parts.hostname}:{parts.port or 5432}"
