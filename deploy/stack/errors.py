"""The one error that the local stack shows to a person."""

from __future__ import annotations


class StackError(Exception):
    """Something is wrong with the machine or the state; printed as one line, never as a stack trace.

    Args:
        problem: What is wrong, one sentence without a full stop.
        remedy: What the person can do about it, one sentence without a full stop.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}. {remedy}.")
        self.problem = problem
        self.remedy = remedy
