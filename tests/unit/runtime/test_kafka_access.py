"""Kafka's security is read once and checked at start; what is wrong is said with its remedy, and no secret shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from faststream.security import BaseSecurity, SASLScram512
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from shared.runtime.kafka_access import KafkaAccess, KafkaSettings


class Settings(KafkaSettings):
    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("very secret\n")
    return path


def test_without_settings_nothing_is_asked_for() -> None:
    access = KafkaAccess("k:9092", Settings().kafka_security)
    assert access.client() == {"bootstrap_servers": "k:9092", "security_protocol": "PLAINTEXT"}
    assert type(access.broker_security()) is BaseSecurity


def test_a_sign_in_reaches_both_clients(monkeypatch: pytest.MonkeyPatch, password: Path) -> None:
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("KAFKA_SASL_USERNAME", "redress-intake")
    monkeypatch.setenv("KAFKA_SASL_PASSWORD_FILE", str(password))
    access = KafkaAccess("k:9092", Settings().kafka_security)
    client = access.client()
    assert (client["sasl_mechanism"], client["sasl_plain_username"], client["sasl_plain_password"]) == (
        "SCRAM-SHA-512", "redress-intake", "very secret",
    )  # fmt: skip
    assert client["ssl_context"].check_hostname
    security = access.broker_security()
    assert isinstance(security, SASLScram512) and security.use_ssl and security.password == "very secret"


def test_no_secret_shows(password: Path) -> None:
    settings = Settings(
        kafka_security_protocol="SASL_PLAINTEXT", kafka_sasl_username="x", kafka_sasl_password_file=password
    )
    access = KafkaAccess("k:9092", settings.kafka_security)
    assert "very secret" not in repr(access) + repr(settings) + str(access) + settings.model_dump_json()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"kafka_security_protocol": "SASL_SSL"}, "set KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD_FILE"),
        ({"kafka_sasl_username": "x"}, "KAFKA_SECURITY_PROTOCOL is PLAINTEXT"),
        ({"kafka_security_protocol": "TLS"}, "SASL_SSL"),
        ({"kafka_sasl_mechanism": "GSSAPI"}, "SCRAM-SHA-256"),
        (
            {"kafka_security_protocol": "SSL", "kafka_ssl_cafile": "/nowhere/ca.pem"},
            "KAFKA_SSL_CAFILE: there is no file",
        ),
    ],
)
def test_what_is_wrong_is_said_at_start(given: dict[str, str], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Settings(**given)  # type: ignore[arg-type]
