"""A broker that speaks TLS, wants a sign-in and refuses what nobody allowed; certificates are made on the spot."""

from __future__ import annotations

import ipaddress
import os
import ssl
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.stack.kafka import KafkaBroker
from shared.runtime.kafka_access import KafkaAccess, KafkaSecurity

NEWCOMER = "newcomer"
"""A principal that no rule knows."""
PRINCIPALS = (
    "admin",
    NEWCOMER,
    *(f"redress-{name}" for name in ("intake", "router", "sla", "notifier", "auditor", "operator")),
)


@dataclass(frozen=True)
class Certificates:
    """An authority and a server certificate for 127.0.0.1, as PEM files."""

    authority: Path
    server: Path
    server_key: Path


def make_certificates(folder: Path) -> Certificates:
    """Write them."""
    folder.mkdir(parents=True, exist_ok=True)
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _certificate("test authority", authority_key, "test authority", authority_key, authority=True)
    server = _certificate("127.0.0.1", server_key, "test authority", authority_key, authority=False)
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    made.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    made.server.write_bytes(server.public_bytes(serialization.Encoding.PEM))
    made.server_key.write_bytes(
        server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    made.server_key.chmod(0o600)
    return made


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    signer: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if authority:
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(usage, critical=True)
    else:
        names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signer, hashes.SHA256())


class SecureBroker(KafkaBroker):
    """SASL_SSL with PLAIN and SCRAM-SHA-512, and the standard authorizer without any rule but for the super users."""

    certificates: Certificates
    passwords: dict[str, str]

    @classmethod
    def of(cls, broker: KafkaBroker) -> SecureBroker:
        """The same broker with security on."""
        broker.__class__ = cls
        assert isinstance(broker, cls)
        broker.certificates = make_certificates(broker._home / "certificates")
        broker.passwords = {name: f"secret of {name}" for name in PRINCIPALS}
        for name, password in broker.passwords.items():
            broker._password_file(name).write_text(password + "\n")
        return broker

    def configuration(self) -> str:
        keys = self._home / "certificates" / "keystore.pem"
        keys.write_bytes(self.certificates.server_key.read_bytes() + self.certificates.server.read_bytes())
        users = " ".join(f'user_{name}="{password}"' for name, password in self.passwords.items())
        own = f'username="admin" password="{self.passwords["admin"]}"'
        plain = super().configuration()
        changed = (
            plain.replace(f"PLAINTEXT://127.0.0.1:{self._port}", f"SASL_SSL://127.0.0.1:{self._port}")
            .replace("security.protocol.map=PLAINTEXT:PLAINTEXT,", "security.protocol.map=SASL_SSL:SASL_SSL,")
            .replace("inter.broker.listener.name=PLAINTEXT", "inter.broker.listener.name=SASL_SSL")
        )
        module = "org.apache.kafka.common.security"
        return changed + "\n".join(
            (
                "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512",
                "sasl.mechanism.inter.broker.protocol=PLAIN",
                "listener.name.sasl_ssl.plain.sasl.jaas.config="
                f"{module}.plain.PlainLoginModule required {own} {users};",
                f"listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={module}.scram.ScramLoginModule required;",
                "ssl.keystore.type=PEM",
                f"ssl.keystore.location={keys}",
                "ssl.truststore.type=PEM",
                f"ssl.truststore.location={self.certificates.authority}",
                "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users=User:admin;User:ANONYMOUS",  # anonymous: the controller's port alone
                "",
            )
        )

    def is_ready(self) -> bool:
        """Ask with a handshake."""
        import socket

        context = ssl.create_default_context(cafile=str(self.certificates.authority))
        try:
            with (
                socket.create_connection(("127.0.0.1", self._port), timeout=1) as plain,
                context.wrap_socket(plain, server_hostname="127.0.0.1"),
            ):
                return True
        except OSError:
            return False

    def access(self, name: str, mechanism: str = "PLAIN", password_file: Path | None = None) -> KafkaAccess:
        """How a principal gets in."""
        security = KafkaSecurity(
            protocol="SASL_SSL",
            mechanism=mechanism,  # type: ignore[arg-type]
            username=name,
            password_file=password_file or self._password_file(name),
            cafile=self.certificates.authority,
        )
        return KafkaAccess(self.bootstrap, security)

    def add_scram_user(self, name: str, password: str) -> None:
        """Let a user sign in by SCRAM, with Kafka's own tool."""
        config = self._home / "admin.properties"
        module = "org.apache.kafka.common.security.plain.PlainLoginModule"
        config.write_text(
            "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n"
            f'sasl.jaas.config={module} required username="admin" password="{self.passwords["admin"]}";\n'
            f"ssl.truststore.type=PEM\nssl.truststore.location={self.certificates.authority}\n"
        )
        subprocess.run(
            [
                str(self._java.path), "-cp", ":".join(str(jar) for jar in self._jars), "kafka.admin.ConfigCommand",
                "--bootstrap-server", self.bootstrap, "--command-config", str(config), "--alter",
                "--add-config", f"SCRAM-SHA-512=[password={password}]", "--entity-type", "users", "--entity-name", name,
            ],
            check=True, capture_output=True, timeout=60, env={"PATH": os.environ["PATH"]},
        )  # fmt: skip

    def _password_file(self, name: str) -> Path:
        return self._home / f"{name}.password"
