"""The use cases of intake, for the API and for the pages."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.intake import store
from services.intake.domain.admission import Client, Known, published, scope_faults
from services.intake.domain.complaint import Amendment, Complaint, Withdrawal
from services.intake.domain.contact import Taker, lookup_email
from services.intake.domain.idempotency import digest_of
from services.intake.domain.warnings import in_json, warnings_of
from services.intake.handlers.changes import Author, Change, Done, make_once
from services.intake.handlers.refusal import Refusal
from services.intake.store import FiledComplaint
from services.intake.writer import Broken, Bulk, Filed, Filing, Gone, GroupWriter, KeyReused, Outcome, Unavailable
from shared.events.intake import CALL_FORM
from shared.policies.packs import Pack
from shared.policies.watching import PolicySource
from shared.runtime.pg import Database
from shared.runtime.telemetry import current_traceparent
from shared.runtime.transaction import Tx
from shared.runtime.vault import ClosedKey, Vault

FORM = "web-form"
DESK = CALL_FORM


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to a filed complaint. `body` is its JSON, the same bytes for every retry."""

    complaint_id: UUID
    reference: str
    progress_url: str
    received_at: datetime
    replayed: bool
    body: str


class Intake:
    """The use cases of intake, for the API and for the pages."""

    def __init__(
        self,
        *,
        writer: GroupWriter,
        bulk: Bulk,
        database: Database,
        vault: Vault,
        transaction: Callable[[], AbstractAsyncContextManager[Tx]],
        policies: PolicySource,
        default_pack: str,
    ) -> None:
        self._policies = policies
        self._ids: dict[str, tuple[Pack | None, Known]] = {}
        self._writer = writer
        self._bulk = bulk
        self._database = database
        self._vault = vault
        self._transaction = transaction
        self._default_pack = default_pack
        self._built_in: Mapping[str, Client] = {}

    async def built_in(self, name: str, pack: str | None = None) -> Client:
        """The client that one of our own pages acts as: `FORM` or `DESK`; complaints go to `pack`."""
        if not self._built_in:
            self._built_in = await store.built_in_clients(self._database)
        return replace(self._built_in[name], pack=pack or self._default_pack)

    async def accept(self, complaint: Complaint, client: Client, key: UUID, actor: str | None = None) -> Accepted:
        """File a complaint; the same key and complaint again get the same answer.

        Args:
            complaint: validated (`Complaint.model_validate`, faults by `domain.faults.faults_of`).
            client: whoever files it; keys are scoped to it.
            key: made by whoever shows the form, once per form, so that a double click files once.
            actor: `staff:USER` or `customer`; by default `client:NAME`.

        Raises:
            Refusal: with the slug of the problem and the faults.
        """
        filed = await self.file(complaint, client, key, actor)
        held = json.loads(filed.answer)
        return Accepted(
            complaint_id=UUID(held["complaint_id"]),
            reference=held["reference"],
            progress_url=held["progress_url"],
            received_at=datetime.fromisoformat(held["received_at"]),
            replayed=filed.replayed,
            body=filed.answer,
        )

    async def file(self, complaint: Complaint, client: Client, key: UUID, actor: str | None = None) -> Filed:
        """As `accept`, with the answer as it is stored."""
        filing = self._filing(complaint, client, key, actor)
        try:
            outcome = await self._writer.submit(filing)
        except Unavailable as error:
            raise Refusal("unavailable", retry_after=error.retry_after) from None
        return _filed(outcome)

    async def file_all(self, items: Sequence[tuple[Complaint, UUID]], client: Client) -> list[Filed | Refusal]:
        """File what a store took while it was offline; an answer for each, in order."""
        answers: list[Filed | Refusal | None] = []
        filings: list[Filing] = []
        for complaint, key in items:
            try:
                filings.append(self._filing(complaint, client, key, None))
                answers.append(None)
            except Refusal as refusal:
                answers.append(refusal)
        outcomes = iter(await self._bulk.file(filings) if filings else ())
        return [_answer(next(outcomes)) if answer is None else answer for answer in answers]

    def _filing(self, complaint: Complaint, client: Client, key: UUID, actor: str | None) -> Filing:
        faults = scope_faults(client, complaint)
        if faults:
            raise Refusal("not-allowed", faults)
        known = self._known(client.pack)
        return Filing(
            complaint=complaint,
            client=client,
            key=key,
            traceparent=current_traceparent.get(),
            actor=actor or "",
            warnings=in_json(warnings_of(complaint, known)),
            published=published(complaint, known),
        )

    def taker(self, pack_name: str) -> Taker:
        """What the models have to know of the pack that is told."""
        packs = self._policies.packs
        pack = packs.by_name.get(pack_name)
        return Taker(pack.phone_region, packs.own_addresses) if pack else Taker(own_addresses=packs.own_addresses)

    def _known(self, name: str) -> Known:
        """What a pack knows by id; nothing where it is not loaded."""
        pack = self._policies.packs.by_name.get(name)
        kept = self._ids.get(name)
        if kept is None or kept[0] is not pack:
            kept = self._ids[name] = pack, _known_in(pack) if pack else Known()
        return kept[1]

    async def amend(self, complaint_id: UUID, amendment: Amendment, author: Author, key: UUID) -> Done:
        """Add to a complaint that is neither withdrawn nor closed.

        Raises:
            Refusal: not found, wrong state, or the key was used for something else.
        """
        digest = digest_of("amend", complaint_id, amendment)
        return await self._change(Change("amendment", complaint_id, amendment.text, digest), author, key)

    async def withdraw(self, complaint_id: UUID, withdrawal: Withdrawal, author: Author, key: UUID) -> Done:
        """Take a complaint back before it is closed.

        Raises:
            Refusal: not found, wrong state, or the key was used for something else.
        """
        digest = digest_of("withdraw", complaint_id, withdrawal)
        return await self._change(Change("withdrawal", complaint_id, withdrawal.reason, digest), author, key)

    async def status(self, complaint_id: UUID, author: Author) -> FiledComplaint:
        """Where a complaint stands, as intake knows it.

        Raises:
            Refusal: not found, or another client's.
        """
        found = await store.status(self._database, complaint_id, author.reach)
        if found is None:
            raise Refusal("not-found")
        return found

    async def open_cases(
        self, pack: str, *, email: str | None = None, phone: str | None = None
    ) -> tuple[list[FiledComplaint], int]:
        """The newest 20 open complaints in a pack of the person who is reached there, and how many there are; contacts normalised
        (`domain.contact`).
        """
        hashes = []
        await self._vault.open()
        if email:
            hashes.append(self._vault.contact_hash("email", lookup_email(email)))
        if phone:
            hashes.append(self._vault.contact_hash("phone", phone))
        return await store.open_cases(self._database, pack, hashes) if hashes else ([], 0)

    async def by_reference(self, reference: str) -> FiledComplaint | None:
        """A complaint by its reference (canonical form), for staff."""
        return await store.by_reference(self._database, reference)

    async def now(self) -> datetime:
        """The database's time."""
        return await store.clock(self._database)

    async def _change(self, change: Change, author: Author, key: UUID) -> Done:
        # The customer's key is read first: inside the transaction it would wait for a second connection.
        person_id = await store.person_of(self._database, change.complaint_id, author.reach)
        keys = await self._vault.keys_of([person_id] if person_id else [])
        if person_id is None:
            raise Refusal("not-found")
        if person_id not in keys:
            raise Refusal("erased")
        if isinstance(keys[person_id], ClosedKey):  # words that nobody could read are not taken
            raise Refusal("unavailable", retry_after=30.0)
        async with self._transaction() as tx:
            return await make_once(change, author, key, keys[person_id], tx)


def _known_in(pack: Pack) -> Known:
    return Known(
        categories=dict.fromkeys(sorted(one.id for one in pack.routing.categories)),
        departments=dict.fromkeys(sorted(pack.departments)),
        stores=dict.fromkeys(pack.stores) if pack.stores else None,
    )


def _answer(outcome: Outcome | Unavailable) -> Filed | Refusal:
    try:
        if isinstance(outcome, Unavailable):
            return Refusal("unavailable", retry_after=outcome.retry_after)
        return _filed(outcome)
    except Refusal as refusal:
        return refusal


def _filed(outcome: Outcome) -> Filed:
    if isinstance(outcome, Filed):
        return outcome
    if isinstance(outcome, KeyReused):
        raise Refusal("idempotency-key-reused")
    if isinstance(outcome, Gone):
        raise Refusal("erased")
    if isinstance(outcome, Broken):
        raise Refusal("unexpected")
    raise Refusal("invalid", (outcome.fault,))
