"""What intake reads from the environment, beside what every service reads."""

import re

from pydantic import Field, field_validator

from shared.runtime.settings import CommonSettings


class Settings(CommonSettings):
    """Settings of intake; its own have the prefix `INTAKE_`."""

    intake_group_max: int = Field(default=200, ge=1, le=1_000, description="complaints that share one commit at most")
    intake_queue_max: int = Field(default=2_000, ge=1, description="complaints that may wait; beyond it 503")
    intake_commit_seconds: float = Field(default=5.0, gt=0, description="a commit that takes longer is answered 503")
    intake_keys_seconds: float = Field(default=2.0, gt=0, description="how often channel keys are read again")
    intake_form_rate: float = Field(default=50.0, gt=0, description="public form: requests per second and address")
    intake_form_burst: float = Field(default=100.0, ge=1, description="public form: requests at once per address")

    @field_validator("public_notifier_url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[A-Za-z0-9._~:/%\[\]-]+", value):
            raise ValueError("must be an http or https address without query, such as https://progress.example.com")
        return value
