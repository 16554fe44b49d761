"""The channel API as OpenAPI tells it: the signatures here are the documents, `complaints.ChannelApi` does the work."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field

from services.intake.domain.complaint import MAX_BATCH_BYTES, MAX_BODY_BYTES, Amendment, Batch, Complaint, Withdrawal
from services.intake.http.complaints import ChannelApi
from services.intake.http.lean import lean
from services.intake.http.problems import SCHEMA, documented

KeyHeader = Annotated[
    UUID,
    Header(alias="Idempotency-Key", description="A new UUID for each request, and the same one when it is sent again"),
]
_TAGS: Final = ["Channel API"]
_BEARER: Final = Depends(HTTPBearer(auto_error=False, description="A channel key (`redress channels key`)"))
_ANY: Final = ("not-authorised", "not-allowed", "too-many", "unexpected", "unavailable")
_BODY: Final = ("too-large", "invalid")
_KEYED: Final = (*_ANY, *_BODY, "idempotency-key-missing", "idempotency-key-reused", "in-progress")


class Accepted(BaseModel):
    """The complaint is filed: it will not be lost, and it has this reference."""

    complaint_id: UUID
    reference: str = Field(examples=["R-4K7M-2XA9"])
    progress_url: str = Field(description="The customer's private page; whoever has the link may read it")
    received_at: datetime


class Result(BaseModel):
    """What became of one entry of a batch."""

    index: int = Field(description="place of the entry in the batch, from 0")
    idempotency_key: UUID | None
    status: int = Field(description="201, or that of the problem; 5xx: send this entry again with the same key")
    complaint: Accepted | None = None
    problem: Annotated[dict[str, Any] | None, Field(json_schema_extra=SCHEMA)] = None


class Results(BaseModel):
    """Answers in the order of the batch."""

    results: list[Result]


class Changed(BaseModel):
    """The complaint was added to or withdrawn."""

    complaint_id: UUID
    reference: str
    state: Literal["submitted", "assigned", "withdrawn"]
    at: datetime


class Status(BaseModel):
    """Where a complaint stands, as intake knows it."""

    complaint_id: UUID
    reference: str
    channel: Literal["web", "phone", "store"]
    language: Literal["zh", "en"]
    received_at: datetime
    state: Literal["submitted", "assigned", "withdrawn", "closed"]
    department: str | None


def router(api: ChannelApi) -> APIRouter:
    """All routes of the channel API."""
    routes = APIRouter(tags=list(_TAGS), dependencies=[_BEARER])
    for part in (_filing(api), _batch(api), _changes(api), _reading(api)):
        routes.include_router(part)
    return routes


def _filing(api: ChannelApi) -> APIRouter:
    routes = APIRouter(route_class=lean(api.file, MAX_BODY_BYTES))

    @routes.post(
        "/v1/complaints",
        status_code=201,
        response_model=Accepted,
        responses=documented(*_KEYED),
        summary="File a complaint",
    )
    async def file_complaint(body: Complaint, idempotency_key: KeyHeader) -> None:
        """File one complaint. The same key and body get the same answer, however often they are sent."""

    return routes


def _batch(api: ChannelApi) -> APIRouter:
    routes = APIRouter(route_class=lean(api.file_batch, MAX_BATCH_BYTES))

    @routes.post(
        "/v1/complaints:batch",
        response_model=Results,
        responses=documented(*_ANY, *_BODY),
        summary="File what a store took while it was offline",
    )
    async def file_batch(body: Batch) -> None:
        """File up to 500 complaints, each with its own key and true time of receipt; each gets its own answer."""

    return routes


def _changes(api: ChannelApi) -> APIRouter:
    routes = APIRouter()
    amend = APIRouter(route_class=lean(api.amend, MAX_BODY_BYTES))
    withdraw = APIRouter(route_class=lean(api.withdraw, MAX_BODY_BYTES))
    told = documented(*_KEYED, "not-found", "wrong-state")

    @amend.post(
        "/v1/complaints/{complaint_id}/amend", response_model=Changed, responses=told, summary="Add to a complaint"
    )
    async def amend_complaint(complaint_id: UUID, body: Amendment, idempotency_key: KeyHeader) -> None:
        """Add what the customer says after filing; for the client that filed it, and for staff."""

    @withdraw.post(
        "/v1/complaints/{complaint_id}/withdraw", response_model=Changed, responses=told, summary="Withdraw a complaint"
    )
    async def withdraw_complaint(complaint_id: UUID, body: Withdrawal, idempotency_key: KeyHeader) -> None:
        """Take a complaint back; for the client that filed it, and for staff."""

    routes.include_router(amend)
    routes.include_router(withdraw)
    return routes


def _reading(api: ChannelApi) -> APIRouter:
    routes = APIRouter(route_class=lean(api.status, MAX_BODY_BYTES))

    @routes.get(
        "/v1/complaints/{complaint_id}",
        response_model=Status,
        responses=documented(*_ANY, "not-found"),
        summary="Where a complaint stands",
    )
    async def complaint_status(complaint_id: UUID) -> None:
        """Reference, state and owner as intake knows them; for the client that filed it, and for staff."""

    return routes
