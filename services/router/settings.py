"""What the router reads from the environment."""

from pydantic import Field

from shared.runtime.settings import CommonSettings


class Settings(CommonSettings):
    """The common settings, on the router's port."""

    http_port: int = Field(default=8102, ge=0, le=65535)
    router_sign_in_rate: float = Field(
        default=2, gt=0, description="tries to sign in per second and address; five times that of all together"
    )
    router_sign_in_burst: float = Field(default=60, ge=1, description="tries to sign in at once per address")
    router_poll_seconds: int = Field(default=5, ge=1, le=300, description="how often an open desk asks for changes")
