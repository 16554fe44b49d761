"""How a use case says no."""

from collections.abc import Sequence

from services.intake.domain.faults import Fault
from shared.events.envelope import Language


class Refusal(Exception):  # an answer, not a mistake
    """The request is refused. `slug` is one of `domain.wording.PROBLEMS`, which has status and words."""

    def __init__(
        self,
        slug: str,
        faults: Sequence[Fault] = (),
        *,
        retry_after: float | None = None,
        language: Language | None = None,
    ) -> None:
        super().__init__(slug)
        self.slug, self.faults = slug, tuple(faults)
        self.retry_after = retry_after
        """Seconds until it may go through."""
        self.language = language
        """The caller's language, where the body told it."""
