"""How Kafka is reached: addresses, encryption and sign-in, read from the settings once, for every client and command."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
_SIGN_IN: dict[Mechanism, type[SASLPlaintext | SASLScram256 | SASLScram512]] = {
    "PLAIN": SASLPlaintext,
    "SCRAM-SHA-256": SASLScram256,
    "SCRAM-SHA-512": SASLScram512,
}


class KafkaSecurity(BaseModel):
    """Encryption and sign-in. Holds no secret: the password stays in its file until a client is made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    protocol: Protocol = "PLAINTEXT"
    mechanism: Mechanism = "SCRAM-SHA-512"
    username: str | None = None
    password_file: Path | None = None
    cafile: Path | None = None
    certfile: Path | None = None
    keyfile: Path | None = None

    @property
    def signs_in(self) -> bool:
        """Whether a name and a password are needed."""
        return self.protocol.startswith("SASL_")

    @property
    def encrypts(self) -> bool:
        """Whether TLS is spoken."""
        return self.protocol.endswith("SSL")

    def password(self) -> str:
        """The content of the password file, without the end of its line."""
        return self.password_file.read_text("utf-8").rstrip("\r\n") if self.password_file else ""

    def context(self) -> ssl.SSLContext | None:
        """How certificates are judged: the broker's name is always checked."""
        if not self.encrypts:
            return None
        made = ssl.create_default_context(cafile=str(self.cafile) if self.cafile else None)
        if self.certfile:
            made.load_cert_chain(str(self.certfile), str(self.keyfile) if self.keyfile else None)
        return made


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """Where Kafka is and how to get in. As text it is the addresses alone.

    Attributes:
        servers: `host:port`, comma separated.
    """

    servers: str
    security: KafkaSecurity = field(default_factory=KafkaSecurity)

    @classmethod
    def of(cls, where: "KafkaAccess | str") -> "KafkaAccess":
        """Plain addresses mean a broker that asks for nothing."""
        return where if isinstance(where, cls) else cls(str(where))

    def __str__(self) -> str:
        return self.servers

    def client(self) -> dict[str, Any]:
        """The arguments that every aiokafka client takes.

        Raises:
            OSError, ssl.SSLError: a file cannot be read.
        """
        security = self.security
        found: dict[str, Any] = {"bootstrap_servers": self.servers, "security_protocol": security.protocol}
        if security.encrypts:
            found["ssl_context"] = security.context()
        if security.signs_in:
            found["sasl_mechanism"] = security.mechanism
            found["sasl_plain_username"] = security.username
            found["sasl_plain_password"] = security.password()
        return found

    def broker_security(self) -> BaseSecurity:
        """The same for FastStream."""
        security = self.security
        if security.signs_in:
            kind = _SIGN_IN[security.mechanism]
            return kind(
                username=security.username or "",
                password=security.password(),
                use_ssl=security.encrypts,
                ssl_context=security.context(),
            )
        return BaseSecurity(ssl_context=security.context(), use_ssl=security.encrypts)


def client_of(where: KafkaAccess | str) -> dict[str, Any]:
    """The arguments of an aiokafka client for a broker, wherever it is and whatever it asks for."""
    return KafkaAccess.of(where).client()


class KafkaSettings(BaseSettings):
    """The settings of Kafka's security; part of the services' settings and of the stack's."""

    kafka_security_protocol: Protocol = "PLAINTEXT"
    kafka_sasl_mechanism: Mechanism = "SCRAM-SHA-512"
    kafka_sasl_username: str | None = None
    kafka_sasl_password_file: Path | None = Field(default=None, description="file with the password alone")
    kafka_ssl_cafile: Path | None = Field(default=None, description="PEM; default: the system's authorities")
    kafka_ssl_certfile: Path | None = Field(
        default=None, description="PEM of the client, where the broker asks for one"
    )
    kafka_ssl_keyfile: Path | None = Field(default=None, description="PEM of the client's key")

    @model_validator(mode="after")
    def _kafka_security_is_whole(self) -> Self:
        security = self.kafka_security
        if security.signs_in and not (security.username and security.password_file):
            raise ValueError(
                f"KAFKA_SECURITY_PROTOCOL is {security.protocol}:"
                " set KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD_FILE, or choose SSL or PLAINTEXT"
            )
        if not security.signs_in and security.username:
            raise ValueError(
                f"KAFKA_SASL_USERNAME is set, but KAFKA_SECURITY_PROTOCOL is {security.protocol}:"
                " choose SASL_SSL (or SASL_PLAINTEXT in a network of your own)"
            )
        for name in ("sasl_password_file", "ssl_cafile", "ssl_certfile", "ssl_keyfile"):
            path: Path | None = getattr(self, f"kafka_{name}")
            if path is not None and not path.is_file():
                raise ValueError(f"KAFKA_{name.upper()}: there is no file {path}")
        return self

    @property
    def kafka_security(self) -> KafkaSecurity:
        """All of them together."""
        return KafkaSecurity(
            protocol=self.kafka_security_protocol,
            mechanism=self.kafka_sasl_mechanism,
            username=self.kafka_sasl_username,
            password_file=self.kafka_sasl_password_file,
            cafile=self.kafka_ssl_cafile,
            certfile=self.kafka_ssl_certfile,
            keyfile=self.kafka_ssl_keyfile,
        )
