"""Pauses between the tries of something that should run on for ever."""

import random
import time

_STEADY = 30.0
"""Seconds since the failure before, after which a failure counts as a first one; longer than any pause."""


class Pauses:
    """Growing from `first` to `longest` seconds while it keeps failing; from the first again once it has run for a while."""

    def __init__(self, first: float, longest: float) -> None:
        self._first, self._longest = first, longest
        self._next = first
        self._failed_at = float("-inf")

    def after_failure(self) -> float:
        """Seconds to wait, each a little different, so that copies do not try in step."""
        now = time.monotonic()
        if now - self._failed_at > _STEADY:
            self._next = self._first
        self._failed_at = now
        pause, self._next = self._next, min(self._next * 2, self._longest)
        return pause * random.uniform(0.5, 1)  # noqa: S311  jitter, not a secret
