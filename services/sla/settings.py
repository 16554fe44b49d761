"""What sla reads from the environment."""

from pydantic import Field

from shared.runtime.settings import CommonSettings


class Settings(CommonSettings):
    """The common settings, on sla's port."""

    http_port: int = Field(default=8103, ge=0, le=65535)
    sla_tick_batch: int = Field(
        default=500, ge=1, le=5_000, description="how many due complaints fire in a transaction"
    )
    sla_catch_up_seconds: float = Field(
        default=600,
        ge=0,
        description="how long due clocks wait while words written before are not read; then they fire all the same",
    )
