"""A single-node Apache Kafka 4.3 in KRaft mode from its published jars, without Docker, Maven or ZooKeeper."""

from __future__ import annotations

import base64
import socket
import struct
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from deploy.stack.java import Java
from deploy.stack.process import ProcessSpec, Server, plain_environment

#: The version whose log folder we write; kept in the state folder's stamp.
VERSION = "4.3"

_PROPERTIES = """\
# Written by Redress on every start; changes here are lost.
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
# Below the working folder: a properties file cannot name every path (letters beyond Latin-1, commas).
log.dirs=kafka
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
# A killed broker comes back after its old registration expired: one second, not nine.
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=250
# An idle controller need not write a record of nothing twice a second.
metadata.max.idle.interval.ms=10000
# Events are the history of a complaint; the local stack never throws one away.
log.retention.ms=-1
"""

_JVM = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")


class KafkaBroker(Server):
    """A broker whose log lives in `home/kafka`.

    Args:
        home: The state folder; log segments in `kafka/`, log text in `logs/`.
        port: Port for clients on 127.0.0.1; below 32768, so that no client can steal it while the broker restarts.
        controller_port: Port of the built-in controller, likewise.
        java: The JVM to run on.
        jars: The class path in order.
        archives: Folder with class-data archives that make the start twice as fast; may be empty.
    """

    def __init__(
        self,
        home: Path,
        port: int,
        controller_port: int,
        *,
        java: Java,
        jars: Sequence[Path],
        archives: Path,
    ) -> None:
        super().__init__()
        self._home = home.absolute()
        self._port = port
        self._controller_port = controller_port
        self._java = java
        self._jars = tuple(jars)
        self._data = self._home / "kafka"
        self._log = self._home / "logs" / "kafka.log"
        #: Where the class-data archive for exactly this JVM and class path belongs.
        self.archive = java.archive_of("kafka", self._jars, archives)

    @property
    def bootstrap(self) -> str:
        """The address for clients."""
        return f"127.0.0.1:{self._port}"

    def prepare(self) -> None:
        """Lay out the log folder; writing `meta.properties` spares the start of a formatting JVM."""
        self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
        meta = self._data / "meta.properties"
        if not meta.exists():
            cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            meta.write_text(f"version=1\ncluster.id={cluster}\nnode.id=1\n")
        (self._home / "kafka.properties").write_text(self.configuration())

    def configuration(self) -> str:
        """Its ports are only here, not in the command line."""
        return _PROPERTIES.format(port=self._port, controller_port=self._controller_port)

    def spec(self) -> ProcessSpec:
        """Run in the foreground; SIGTERM is a clean stop. An archive that is not there yet does no harm."""
        return ProcessSpec(
            name="kafka",
            argv=self._command(*self._java.archive_flags(self.archive)),
            env=plain_environment(),
            log=self._log,
            cwd=self._home,
            grace=20.0,
        )

    def training_spec(self, archive: Path) -> ProcessSpec:
        """Run once to write `archive`: that happens in the orderly stop and takes several seconds of one core."""
        return replace(self.spec(), argv=self._command(self._java.training_flag(archive)), grace=120.0)

    def _command(self, *flags: str) -> tuple[str, ...]:
        return (
            str(self._java.path),
            *_JVM,
            *flags,
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
            "-cp",
            ":".join(str(jar) for jar in self._jars),
            "kafka.Kafka",
            str(self._home / "kafka.properties"),
        )

    def is_ready(self) -> bool:
        """Ask for the cluster's brokers, as a client would first."""
        return answers("127.0.0.1", self._port)


def answers(host: str, port: int) -> bool:
    """Say whether a broker at `host:port` answers and knows at least one live broker (Metadata request, version 1)."""
    client_id = b"redress-probe"
    # api key 3, version 1, correlation id 7, client id, no topics wanted
    body = struct.pack("!hhih", 3, 1, 7, len(client_id)) + client_id + struct.pack("!i", 0)
    try:
        with socket.create_connection((host, port), timeout=0.7) as client:
            client.sendall(struct.pack("!i", len(body)) + body)
            head = b""
            while len(head) < 12:
                chunk = client.recv(12 - len(head))
                if not chunk:
                    return False
                head += chunk
    except OSError:
        return False
    _size, correlation, brokers = struct.unpack("!iii", head)
    return bool(correlation == 7 and brokers > 0)
