"""Settings that every service reads from the environment, validated at start.

Secrets come from files (`*_FILE`), so they show neither in `env` nor in a dump of the settings.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import Field, PrivateAttr, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from shared.policies.packs import KeptPack
from shared.runtime.event_keys import EventKeys, KeysUnusable
from shared.runtime.kafka_access import KafkaAccess, KafkaSettings
from shared.runtime.kept import refuse_spans
from shared.runtime.master_keys import MasterKeys
from shared.runtime.web.addresses import Networks


class CommonSettings(KafkaSettings):
    """What each service needs; a service's own `Settings` adds its own knobs."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, env_ignore_empty=True)
    _kept_policies: Mapping[str, KeptPack] = PrivateAttr(default_factory=dict)
    _owning: Mapping[str, int] = PrivateAttr(default_factory=dict)

    database_url: SecretStr = Field(description="DSN of this service's role")
    vault_database_url: SecretStr | None = Field(default=None, description="DSN of the vault; default: database_url")
    kafka_bootstrap_servers: str = "127.0.0.1:8109"
    smtp_url: SecretStr = SecretStr("smtp://127.0.0.1:8107")
    http_host: str = "127.0.0.1"
    http_port: int = Field(default=0, ge=0, le=65535)
    ops_host: str = Field(default="127.0.0.1", description="where metrics and the API's document are served")
    ops_port: int | None = Field(
        default=None, ge=0, le=65535, description="their port; default: HTTP_PORT + 10, 0: none"
    )
    http_head_bytes: int = Field(default=32 * 1024, ge=4096, description="request line and headers in all; else 431")
    http_body_bytes: int = Field(
        default=256 * 1024, ge=65_536, description="body of a route that says no other; else 413"
    )
    http_head_seconds: float = Field(default=10, gt=0, description="for the headers to arrive; else 408")
    http_body_seconds: float = Field(default=20, gt=0, description="for a body, besides the time HTTP_BODY_RATE gives")
    http_body_rate: float = Field(
        default=16 * 1024, gt=0, description="bytes per second a body must come with; else 408"
    )
    http_idle_seconds: float = Field(default=15, ge=1, description="a kept connection may wait for the next request")
    http_connections: int = Field(default=512, ge=8, le=7000, description="open at once in this process; else 503")
    http_connections_per_address: int = Field(
        default=128, ge=1, description="of one IPv4 address or IPv6 /64; else 503"
    )
    master_key_file: Path = Field(description="32 random bytes; wraps the keys of persons. Not in Postgres")
    master_keys_old: str = Field(
        default="", description="files with other master keys that still open keys of persons, comma separated"
    )
    session_key_file: Path = Field(description="signs staff sessions; the same for all services")
    session_idle_minutes: float = Field(
        default=60, ge=1, le=480, description="a browser left alone for so long is signed out"
    )
    event_keys_file: Path = Field(description="the keys that this service's events and those it reads are signed with")
    trusted_proxies: str = Field(
        default="", description="addresses whose X-Forwarded-For is believed, comma separated; empty: nobody's"
    )
    policies_dir: Path = Field(default=Path("deploy/policies"), description="folder with one folder per policy pack")
    default_pack: str = "retail"
    web_assets_dir: Path | None = Field(default=None, description="folder with the unpacked WebJars")
    public_intake_url: str = "http://127.0.0.1:8101"
    public_router_url: str = "http://127.0.0.1:8102"
    public_sla_url: str = "http://127.0.0.1:8103"
    public_notifier_url: str = "http://127.0.0.1:8104"
    public_mail_url: str = ""
    public_traces_url: str = ""
    public_docs_url: str = Field(default="", description="the page of intake's API, where integrators are led to")
    traces_url: str = Field(default="", description="Zipkin v2 span endpoint; empty: off")
    otel_exporter_otlp_endpoint: str = ""
    trace_ratio: float = Field(default=1.0, ge=0, le=1)
    traces_per_second: int = Field(
        default=0, ge=0, description="new traces that one process records in a second at most; 0: no limit"
    )
    log_level: str = "INFO"
    database_pool: int = Field(default=6, ge=2, le=50)
    outbox_days: float = Field(
        default=7, ge=1, le=90, description="days that published events are kept to be sent again"
    )
    batch_records: int = Field(default=500, ge=1, le=5000)
    keep_days: dict[str, int] = Field(default={}, description='spans of kept.py by name, as JSON: {"dead_letter": 120}')
    watchdog_seconds: float = Field(default=120, gt=0, description="no progress for so long: exit and be restarted")

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_addresses(cls, value: str) -> str:
        Networks(value)
        return value

    @model_validator(mode="after")
    def _key_files_hold_keys(self) -> Self:
        for path in (self.master_key_file, self.session_key_file, *self._old_files):
            if not path.is_file():
                raise ValueError(
                    f"key file {path} does not exist: create it with 32 random bytes, readable by you alone"
                )
            if path.stat().st_size < 32:
                raise ValueError(f"key file {path} holds fewer than 32 bytes: create it anew with 32 random bytes")
        return self

    @field_validator("event_keys_file")
    @classmethod
    def _event_keys_can_be_read(cls, value: Path) -> Path:
        try:
            EventKeys.read(value)
        except KeysUnusable as error:
            raise ValueError(f"the file {value} {error}") from None
        return value

    @field_validator("keep_days")
    @classmethod
    def _spans_of_known_tables(cls, value: dict[str, int]) -> dict[str, int]:
        refuse_spans(value)
        return value

    @property
    def master_keys(self) -> MasterKeys:
        """The keys that wrap every person's key: of each file the first 32 bytes."""
        return MasterKeys(self.master_key_file.read_bytes()[:32], (path.read_bytes()[:32] for path in self._old_files))

    @property
    def _old_files(self) -> list[Path]:
        return [Path(name.strip()) for name in self.master_keys_old.split(",") if name.strip()]

    @property
    def session_key(self) -> bytes:
        """The key that signs staff sessions."""
        return self.session_key_file.read_bytes()

    @property
    def port_of_ops(self) -> int:
        """The operators' port; 0: none."""
        if self.ops_port is not None:
            return self.ops_port
        return self.http_port + 10 if 0 < self.http_port <= 65_525 else 0

    @property
    def is_secure(self) -> bool:
        """Whether people reach us over https."""
        return self.public_router_url.lower().startswith("https:")

    @property
    def kept_policies(self) -> Mapping[str, KeptPack]:
        """The last good policy packs by sub-folder, where the files on disk are refused at start."""
        return self._kept_policies

    @property
    def owning(self) -> Mapping[str, int]:
        """Department → how many open cases it has, where that was looked up at start."""
        return self._owning

    def with_kept_policies(self, kept: Mapping[str, KeptPack], owning: Mapping[str, int]) -> Self:
        """The same settings with policy packs to fall back on, and the departments that may not be left out."""
        copy = self.model_copy()
        copy._kept_policies, copy._owning = kept, owning
        return copy

    @property
    def kafka(self) -> KafkaAccess:
        """Where Kafka is and how to get in."""
        return KafkaAccess(self.kafka_bootstrap_servers, self.kafka_security)

    @property
    def vault_url(self) -> str:
        """DSN of the vault."""
        return (self.vault_database_url or self.database_url).get_secret_value()
