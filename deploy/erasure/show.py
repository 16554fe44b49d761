"""What `redress erase` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from deploy.erasure.find import Person


def lines(person: Person, held: Mapping[str, int], mails: int | None) -> Iterator[str]:
    """Who would be erased and what would go.

    Args:
        held: as `work.counts` answers.
        mails: copies in the mail catcher; None where there is none or it does not answer.
    """
    yield f"Person {person.person_id} has {_many(len(person.complaints), 'complaint')}:"
    for one in person.complaints:
        received = one.received_at.strftime("%Y-%m-%d")
        state = "erased" if one.erased_at else "open" if one.is_open else one.state
        yield f"  {one.reference}  {one.pack}  received {received} (UTC)  {state}"
    yield "What goes:"
    yield "  the key that opens their sealed texts, in every topic, outbox and dead letter"
    yield f"  intake: the texts of {_many(held['texts'], 'complaint')}, {_many(held['additions'], 'addition')}"
    yield f"  router: the texts of {_many(held['cases'], 'case')}, {_many(held['lines'], 'line')} of their history"
    yield f"  notifier: {_many(held['links'], 'private link')}, {_many(held['entries'], 'text')} on progress pages"
    yield f"  {_many(held['waiting'], 'message')} not sent yet; sent already, and not to be called back: {held['sent']}"
    if mails is not None:
        yield f"  {_many(mails, 'mail')} in the local mail catcher"
    yield "What stays: references, codes, times, and who did what, without anybody's words."
    opened = [one.reference for one in person.complaints if one.is_open and not one.erased_at]
    if opened:
        yield f"Still open, and ends as withdrawn: {', '.join(opened)}"
    for one in person.held:
        yield f"HELD: {one.reference} by {one.held_by} since {one.held_since:%Y-%m-%d} (UTC): {one.held}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
