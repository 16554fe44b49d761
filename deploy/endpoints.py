"""Where the running stack is: `.redress/endpoints.json`, written by `make up` and read by every operator's command."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from deploy.stack.errors import StackError
from deploy.stack.settings import load_settings
from shared.runtime.kafka_access import KafkaAccess, KafkaSecurity


class SignIn(BaseModel):
    """A member of staff who can sign in."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    role: str
    department: str
    user: str
    password: SecretStr


class Endpoints(BaseModel):
    """Addresses and credentials of one running stack. A part that is switched off is absent or empty."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    intake: str
    router: str
    sla: str
    notifier: str
    mail: str | None = None
    traces: str | None = None
    kafka: str
    kafka_security: KafkaSecurity = KafkaSecurity()
    postgres: SecretStr
    vault: SecretStr | None = None
    channel_keys: dict[str, SecretStr] = {}
    sign_ins: tuple[SignIn, ...] = ()

    def trace_url(self, trace_id: str) -> str | None:
        """The page of a trace; None when there is no trace viewer."""
        if not self.traces:
            return None
        return f"{self.traces.rstrip('/').removesuffix('/zipkin')}/zipkin/traces/{trace_id}"

    @property
    def kafka_access(self) -> KafkaAccess:
        """Where Kafka is and how the operator gets in."""
        return KafkaAccess(self.kafka, self.kafka_security)

    @property
    def dsn(self) -> str:
        """The operator's DSN."""
        return self.postgres.get_secret_value()

    @property
    def vault_dsn(self) -> str:
        """The operator's DSN of the keys of persons."""
        return (self.vault or self.postgres).get_secret_value()


def endpoints_file() -> Path:
    """Where the stack writes it."""
    return load_settings().home / "endpoints.json"


def load_endpoints(path: Path | None = None) -> Endpoints:
    """Read the addresses of the running stack.

    Raises:
        StackError: there is no such file, or it is not one of ours.
    """
    path = path or endpoints_file()
    try:
        return Endpoints.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise StackError(f"There is no {path}, so no stack is known", "Start one with `make up`") from None
    except OSError as error:
        raise StackError(f"{path} cannot be read: {error.strerror}", "Check its owner and mode") from None
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        raise StackError(f"{path}: {field}: {first['msg']}", "Write it anew with `make up`") from None
