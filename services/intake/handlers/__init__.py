"""What intake does: file, add to, withdraw and show complaints, and hear what becomes of them."""

from services.intake.handlers.changes import Author, Done
from services.intake.handlers.filing import DESK, FORM, Accepted, Intake
from services.intake.handlers.news import handle
from services.intake.handlers.refusal import Refusal

__all__ = ["DESK", "FORM", "Accepted", "Author", "Done", "Intake", "Refusal", "handle"]
