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
    intake_key_rate: float = Field(
        default=1_000.0, gt=0, description="complaints per second of a channel client that was given no rate of its own"
    )
    intake_form_rate: float = Field(default=50.0, gt=0, description="public form: requests per second and address")
    intake_form_burst: float = Field(default=100.0, ge=1, description="public form: requests at once per address")
    intake_file_per_hour: float = Field(default=60, gt=0, description="public form: complaints per hour and address")
    intake_file_burst: float = Field(default=20, ge=1, description="public form: complaints at once per address")
    intake_file_rate: float = Field(default=20, gt=0, description="public form: complaints per second of all together")
    intake_mailbox_per_hour: float = Field(
        default=5, ge=1, description="public form: complaints per hour that cause mail to one e-mail address"
    )
    intake_lookup_rate: float = Field(default=2, gt=0, description="call form: look-ups per second and member of staff")
    intake_lookup_burst: float = Field(default=30, ge=1, description="call form: look-ups at once per member of staff")

    intake_sent_mail_url: str = Field(
        default="",
        description="mail catcher of the local stack; copies of mails to erased persons are deleted there. Empty: none",
    )

    @field_validator("public_notifier_url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[A-Za-z0-9._~:/%\[\]-]+", value):
            raise ValueError("must be an http or https address without query, such as https://progress.example.com")
        return value
