"""What the notifier reads from the environment, beside what every service reads."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from services.notifier.channels.conversation import Patience
from services.notifier.channels.smtp import Relay
from shared.runtime.settings import CommonSettings

Seconds = Annotated[float, Field(gt=0, le=3600)]


class Settings(CommonSettings):
    """The common settings, on the notifier's port, and how mails are handed over."""

    http_port: int = Field(default=8104, ge=0, le=65535)
    notifier_connections: int = Field(default=8, ge=1, le=64, description="persistent connections to the mail relay")
    notifier_claim_size: int = Field(default=200, ge=1, le=1000, description="notices leased with one statement")
    notifier_connect_seconds: Seconds = 10
    notifier_command_seconds: Seconds = 30
    notifier_dot_seconds: Seconds = 60
    notifier_lease_seconds: Seconds = Field(default=300, description="a sender that died is replaced after this")
    notifier_resend_seconds: Seconds = Field(default=60, description="pause before the one resend of an unknown")
    notifier_read_rate: float = Field(
        default=50, gt=0, description="progress pages per second and address; ten times that of all together"
    )
    notifier_send_rate: float = Field(
        default=10, gt=0, description="messages of customers per second and address; ten times that of all together"
    )

    notifier_link_days: int = Field(
        default=180, ge=30, le=3650, description="days that a private link leads to a complaint after it was closed"
    )

    @field_validator("smtp_url")
    @classmethod
    def _smtp_url_is_usable(cls, value: SecretStr) -> SecretStr:
        Relay.from_url(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _lease_outlasts_an_attempt(self) -> Self:
        if self.notifier_lease_seconds <= self.patience.whole:
            raise ValueError(
                f"NOTIFIER_LEASE_SECONDS must be more than {self.patience.whole:g}, the longest an attempt can take"
                " (3 x NOTIFIER_CONNECT_SECONDS + 4 x NOTIFIER_COMMAND_SECONDS + NOTIFIER_DOT_SECONDS)"
            )
        return self

    @property
    def patience(self) -> Patience:
        """How long each stage of an attempt may take."""
        return Patience(
            connect=self.notifier_connect_seconds, command=self.notifier_command_seconds, dot=self.notifier_dot_seconds
        )

    @property
    def lease(self) -> timedelta:
        """How long a claim holds."""
        return timedelta(seconds=self.notifier_lease_seconds)
