"""Intake's pages for people: start, public form, call form. `app.py` gives the templates' folder to the look."""

from pathlib import Path

from fastapi import APIRouter

from services.intake.http.pages_agent import CallForm
from services.intake.http.pages_file import PublicForm
from services.intake.http.pages_parts import Parts
from services.intake.http.pages_persons import PersonPages
from services.intake.http.pages_start import start_routes

__all__ = ["TEMPLATES", "Parts", "pages"]

TEMPLATES = Path(__file__).parent / "templates"


def pages(parts: Parts) -> APIRouter:
    """All pages of intake."""
    router = APIRouter()
    router.include_router(start_routes(parts))
    router.include_router(PublicForm(parts).routes())
    router.include_router(CallForm(parts).routes())
    router.include_router(PersonPages(parts).routes())
    return router
