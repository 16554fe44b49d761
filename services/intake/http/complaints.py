"""`POST /v1/complaints`, the batch of a store that was offline, and what can be done with a complaint afterwards."""

import json
from datetime import datetime
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from services.intake.domain.admission import Client
from services.intake.domain.complaint import MAX_BATCH_BYTES, MAX_BODY_BYTES, Amendment, Complaint, Withdrawal
from services.intake.domain.lifecycle import due_reason
from services.intake.handlers import DESK, Author, Done, Intake, Refusal
from services.intake.http import batch
from services.intake.http.exact_json import faults_in, is_exact, why_invalid
from services.intake.http.lean import (
    CLIENT,
    RATE,
    Json,
    bearer,
    guarded,
    header,
    idempotency_key,
    parse_key,
    read_json,
)
from services.intake.http.problems import language_of
from services.intake.keys import KeyRing
from services.intake.store import FiledComplaint
from shared.policies.watching import PolicySource
from shared.rights import Action
from shared.runtime.web import language as languages
from shared.runtime.web.persons import pack_for
from shared.runtime.web.problems import Problem
from shared.runtime.web.sessions import Sessions, Staff, current_staff

ModelT = TypeVar("ModelT", bound=BaseModel)

_COMPLAINT: Final = TypeAdapter(Complaint)
_AMENDMENT: Final = TypeAdapter(Amendment)
_WITHDRAWAL: Final = TypeAdapter(Withdrawal)
_BATCHES: Final = 16  # in hand at once; each may hold megabytes


class Invalid(Refusal):
    """A body that its model refused, or that says something twice."""

    def __init__(self, request: Request, raw: bytes, error: ValidationError | None = None) -> None:
        spoken = language_of(raw, request)
        faults = why_invalid(raw, error, spoken) if error else faults_in(raw, spoken)
        super().__init__("invalid", faults, language=spoken)


class ChannelApi:
    """The requests of channel clients; staff of the call desk and the complaints office amend and withdraw too."""

    def __init__(self, intake: Intake, keys: KeyRing, sessions: Sessions, policies: PolicySource) -> None:
        self._intake = intake
        self._policies = policies
        self._keys = keys
        self._sessions = sessions
        self._batches = 0
        self.file = guarded(self._file, MAX_BODY_BYTES)
        self.file_batch = guarded(self._file_batch, MAX_BATCH_BYTES)
        self.amend = guarded(self._amend, MAX_BODY_BYTES)
        self.withdraw = guarded(self._withdraw, MAX_BODY_BYTES)
        self.status = guarded(self._status, MAX_BODY_BYTES)

    async def _file(self, request: Request) -> Response:
        """`POST /v1/complaints`: the hot route."""
        client = await self._client(request)
        key = idempotency_key(request)
        raw = await read_json(request, MAX_BODY_BYTES)
        try:
            complaint = _COMPLAINT.validate_json(raw, context=self._intake.taker(client.pack))
        except ValidationError as error:
            raise Invalid(request, raw, error) from None
        if not is_exact(raw, complaint) and faults_in(raw, complaint.language):
            raise Invalid(request, raw)
        try:
            filed = await self._intake.file(complaint, client, key)
        except Refusal as refusal:
            refusal.language = complaint.language
            raise
        return Json(filed.answer, 201, replayed=filed.replayed, location=f"/v1/complaints/{filed.complaint_id}")

    async def _file_batch(self, request: Request) -> Response:
        """`POST /v1/complaints:batch`."""
        client = await self._client(request, batch=True)
        if self._batches >= _BATCHES:
            raise Refusal("unavailable", retry_after=2.0)
        self._batches += 1
        try:
            return await self._file_entries(request, client)
        finally:
            self._batches -= 1

    async def _file_entries(self, request: Request, client: Client) -> Response:
        raw = await read_json(request, MAX_BATCH_BYTES)
        named = languages.named(header(request, b"accept-language"))
        try:
            entries = batch.read(raw, named, partial(language_of, raw, request), self._intake.taker(client.pack))
        except ValidationError as error:
            raise Invalid(request, raw, error) from None
        _refuse_wait(self._keys.wait(client, len(entries)))
        good = [(entry.complaint, entry.key) for entry in entries if isinstance(entry, batch.Good)]
        filed = iter(await self._intake.file_all(good, client))
        results = [
            batch.result(index, entry, next(filed) if isinstance(entry, batch.Good) else None, named)
            for index, entry in enumerate(entries)
        ]
        return Json(batch.document(results), 200)

    async def _amend(self, request: Request) -> Response:
        """`POST /v1/complaints/{complaint_id}/amend`."""
        author, complaint_id = await self._author(request), _complaint_id(request)
        key = idempotency_key(request)
        return _done(await self._intake.amend(complaint_id, await _read(request, _AMENDMENT), author, key))

    async def _withdraw(self, request: Request) -> Response:
        """`POST /v1/complaints/{complaint_id}/withdraw`."""
        author, complaint_id = await self._author(request), _complaint_id(request)
        key = idempotency_key(request)
        return _done(await self._intake.withdraw(complaint_id, await _read(request, _WITHDRAWAL), author, key))

    async def _status(self, request: Request) -> Response:
        """`GET /v1/complaints/{complaint_id}`."""
        author = await self._author(request)
        found = await self._intake.status(_complaint_id(request), author)
        return Json(_status_of(found), 200)

    async def _client(self, request: Request, *, batch: bool = False) -> Client:
        """The channel client of the request's key, if it may send now; what a batch costs is known once it is read."""
        credential = bearer(request)
        client = await self._keys.client_of(credential) if credential else None
        if client is None:
            raise Refusal("not-authorised")
        request.scope[CLIENT] = client.name
        request.scope[RATE] = partial(self._keys.headers, client)
        _refuse_wait(self._keys.wait_for_any(client) if batch else self._keys.wait(client))
        return client

    async def _author(self, request: Request) -> Author:
        """A channel client by its key, or staff by session; a session names no client, so it is looked at first."""
        if self._sessions.is_unsaid(request):
            raise Refusal("unavailable", retry_after=2.0)
        staff: Staff | None = self._sessions.of(request)
        if staff is not None and bearer(request) is None:
            staff = await current_staff(request)  # by cookie: refuses what another site's page sends
        if staff is None:
            client = await self._client(request)
            return Author(client=client, actor=f"client:{client.name}")
        try:
            pack = pack_for(staff, self._policies.packs, Action.AMEND)
        except Problem:
            raise Refusal("not-allowed") from None
        return Author(client=await self._intake.built_in(DESK, pack), actor=f"staff:{staff.user}", pack=pack)


def _refuse_wait(seconds: float) -> None:
    if seconds > 0:
        raise Refusal("too-many", retry_after=seconds)


def _complaint_id(request: Request) -> UUID:
    complaint_id = parse_key(request.path_params["complaint_id"])
    if complaint_id is None:
        raise Refusal("not-found")
    return complaint_id


async def _read(request: Request, model: TypeAdapter[ModelT]) -> ModelT:
    raw = await read_json(request, MAX_BODY_BYTES)
    try:
        read = model.validate_json(raw or b"{}")
    except ValidationError as error:
        raise Invalid(request, raw, error) from None
    if not is_exact(raw, read) and faults_in(raw, "en"):
        raise Invalid(request, raw)
    return read


def _done(done: Done) -> Response:
    return Json(done.body, 200, replayed=done.replayed)


def _status_of(found: FiledComplaint) -> str:
    return json.dumps(
        {
            "complaint_id": str(found.complaint_id),
            "reference": found.reference,
            "channel": found.channel,
            "language": found.language,
            "received_at": _iso(found.received_at),
            "state": found.state,
            "stage": found.stage,
            "department": found.department,
            "due_at": _iso(found.due_at) if found.due_at else None,
            "due_reason": due_reason(found.stage, found.due_at),
        }
    )


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
