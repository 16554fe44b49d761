"""The channel API as OpenAPI tells it: the signatures here are the documents, `complaints.ChannelApi` does the work."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Header
from pydantic import BaseModel, Field

from services.intake.domain.complaint import Amendment, Batch, Complaint, Withdrawal
from services.intake.domain.lifecycle import DueReason, Stage
from services.intake.http.complaints import ChannelApi
from services.intake.http.lean import Handler, lean
from shared.runtime.web.openapi import ProblemDetails, refusals, security

KeyHeader = Annotated[
    UUID,
    Header(alias="Idempotency-Key", description="A new UUID for each request, and the same one when it is sent again"),
]
_CHANNELS_ALONE: Final = ("/v1/complaints", "/v1/complaints:batch")
_TAGS: Final = ["complaints"]
_CHANNEL: Final = security("channelKey")
_OR_STAFF: Final = security("channelKey", "staffToken", "staffSession")
_ANY: Final = ("not-authorised", "not-allowed", "too-many", "unexpected", "unavailable")
_BODY: Final = ("too-large", "unsupported-media-type", "invalid")
_KEYED: Final = (*_ANY, *_BODY, "idempotency-key-missing", "idempotency-key-reused", "in-progress", "erased")


class Warning(BaseModel):  # noqa: A001  the name of the contract
    """Something that was kept and is not used, or that leaves somebody without an answer. The complaint is filed."""

    code: Literal["unknown_category", "unknown_department", "unknown_store", "no_number", "unreachable"]
    field: str = Field(description="dotted, as in the request", examples=["call_back.number"])
    detail: str = Field(description="in the complaint's language")


class Accepted(BaseModel):
    """The complaint is filed: it will not be lost, and it has this reference."""

    complaint_id: UUID
    reference: str = Field(examples=["R-4K7M-2XA9"])
    progress_url: str = Field(description="The customer's private page; whoever has the link may read it")
    received_at: datetime
    warnings: list[Warning] = Field(default=[], description="what of it cannot be used as it is; mend it if you can")


class Result(BaseModel):
    """What became of one entry of a batch."""

    index: int = Field(description="place of the entry in the batch, from 0")
    idempotency_key: UUID | None = Field(description="as it was sent; null: there was none that could be read")
    status: int = Field(description="201, or that of the problem; 5xx: send this entry again with the same key")
    replayed: bool = Field(
        default=False, description="the entry was filed by an earlier request, and this is its answer"
    )
    complaint: Accepted | None = None
    problem: ProblemDetails | None = None


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
    state: Literal["submitted", "assigned", "withdrawn", "closed"] = Field(description="coarse; `stage` says more")
    stage: Stage = Field(
        description="received (nobody owns it yet), with_department, waiting_for_customer (a question is open), "
        "resolution_proposed (the customer is asked whether that settles it), reopened (closed before, worked on again), "
        "closed, withdrawn. More may be added"
    )
    department: str | None
    due_at: datetime | None = Field(
        default=None,
        description="By when the customer has an answer. A delay that the customer was told of moves it",
    )
    due_reason: DueReason | None = Field(
        default=None,
        description="Why `due_at` is null: not_yet_known (a moment after filing), waiting_for_customer, over",
    )


def router(api: ChannelApi) -> APIRouter:
    """All routes of the channel API; only their signatures count here."""
    routes = APIRouter(tags=list(_TAGS))
    changed = refusals(*_KEYED, "not-found", "wrong-state")

    async def file_complaint(body: Complaint, idempotency_key: KeyHeader) -> None:
        """File one complaint. The same key and body get the same answer, however often they are sent."""

    async def file_batch(body: Batch) -> None:
        """File up to 500 complaints, each with its own key and true time of receipt; each gets its own answer."""

    async def amend_complaint(complaint_id: UUID, body: Amendment, idempotency_key: KeyHeader) -> None:
        """Add what the customer says after filing; for the client that filed it, and for staff."""

    async def withdraw_complaint(complaint_id: UUID, body: Withdrawal, idempotency_key: KeyHeader) -> None:
        """Take a complaint back; for the client that filed it, and for staff."""

    async def complaint_status(complaint_id: UUID) -> None:
        """Reference, state and owner as intake knows them; for the client that filed it, and for staff."""

    def add(path: str, told: Callable[..., Any], handle: Handler, summary: str, model: type[BaseModel],
            refusals: dict[int | str, dict[str, Any]], method: str = "POST", status: int = 200) -> None:  # fmt: skip
        routes.add_api_route(
            path,
            told,
            methods=[method],
            status_code=status,
            response_model=model,
            responses=refusals,
            summary=summary,
            operation_id=told.__name__,
            route_class_override=lean(handle),
            openapi_extra=_CHANNEL if path in _CHANNELS_ALONE else _OR_STAFF,
        )

    one = "/v1/complaints/{complaint_id}"
    add("/v1/complaints", file_complaint, api.file, "File a complaint", Accepted, refusals(*_KEYED), status=201)
    add("/v1/complaints:batch", file_batch, api.file_batch, "File what a store took while it was offline", Results,
        refusals(*_ANY, *_BODY))  # fmt: skip
    add(f"{one}/amend", amend_complaint, api.amend, "Add to a complaint", Changed, changed)
    add(f"{one}/withdraw", withdraw_complaint, api.withdraw, "Withdraw a complaint", Changed, changed)
    add(one, complaint_status, api.status, "Where a complaint stands", Status, refusals(*_ANY, "not-found"), "GET")
    return routes
