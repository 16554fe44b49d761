"""Second stage: the finished mail of each claimed notice, or the reason why there is none."""

import asyncio
import logging
from collections.abc import Sequence

from services.notifier.channels.address import BadAddress
from services.notifier.channels.mail import MAX_SUBJECT, Mail, MailRefused, message_id_of, splice
from services.notifier.domain.compose import Facts, compose
from services.notifier.domain.suppress import Silence, silence
from services.notifier.domain.values import value
from services.notifier.pipeline.claim import Claimed
from services.notifier.pipeline.ended import Ended, failed, not_written, suppressed
from services.notifier.templates.render import Renderer
from shared.policies.watching import PolicySource
from shared.runtime.errors import safe_text
from shared.runtime.master_keys import KeyDamaged, KeyUnavailable
from shared.runtime.vault import ERASED, UNREADABLE, PersonKey, Vault, open_sealed

log = logging.getLogger(__name__)
_TAG = {"zh": "zh-CN", "en": "en"}
_BREATH = 50


@value
class Prepared:
    """A mail that is ready to leave.

    Attributes:
        mailbox: keyed hash of the recipient's address, by which mailboxes are suppressed.
        bare: an acknowledgement without owner and date.
    """

    claimed: Claimed
    sender: str
    recipient: str
    message: bytes
    message_id: str
    mailbox: bytes
    bare: bool


class _Gone(Exception):
    """The person was erased between claim and now."""


class Preparer:
    """Writes mails.

    Args:
        public_url: where customers reach the progress page.
    """

    def __init__(self, renderer: Renderer, vault: Vault, policies: PolicySource, public_url: str) -> None:
        self._renderer = renderer
        self._vault = vault
        self._policies = policies
        self._pages = public_url.rstrip("/") + "/c/"

    async def prepare(self, claims: Sequence[Claimed]) -> tuple[list[Prepared], list[Ended]]:
        """Mails to send, and claims that end here. One vault query for all."""
        wanted = {c.journey.person_id for c in claims if c.journey.person_id is not None and c.email is not None}
        keys = await self._vault.keys_of(wanted)
        mails: list[Prepared] = []
        ends: list[Ended] = []
        for place, claimed in enumerate(claims):
            one = self._decide(claimed, keys.get(claimed.journey.person_id or claimed.complaint_id))
            mails.append(one) if isinstance(one, Prepared) else ends.append(one)
            if place % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)  # let the consumer and the pages have their turn
        return mails, ends

    def _decide(self, claimed: Claimed, key: PersonKey | None) -> Prepared | Ended:
        """The mail, or what becomes of the notice. Whatever is wrong with one notice is no matter of its neighbours."""
        try:
            return self._silent(claimed, key) or self._write(claimed, key)
        except _Gone:
            return suppressed(claimed, Silence.ERASED)
        except BadAddress:
            return failed(claimed, "bad_address")
        except MailRefused:
            return failed(claimed, "bad_header")
        except KeyUnavailable:
            return not_written(claimed, "key_closed", claimed.now)  # the vault has told which key, and why
        except Exception as error:
            log.error(
                "notice could not be written",
                extra={
                    "action": "prepare",
                    "complaint_id": str(claimed.complaint_id),
                    "notice": str(claimed.notice_id),
                    "error": safe_text(error),
                },
                exc_info=error,
            )
            return not_written(claimed, "not_written", claimed.now)

    def _silent(self, claimed: Claimed, key: PersonKey | None) -> Ended | None:
        """Why there is nothing to write, now or ever."""
        journey = claimed.journey
        why = silence(claimed.kind, claimed.subject_id, claimed.epoch, journey)
        if why is None and claimed.overtaken:
            why = Silence.SUPERSEDED
        if why is not None:
            return suppressed(claimed, why)
        if not journey.told:
            return not_written(claimed, "not_submitted", claimed.now)
        if journey.pack not in self._policies.packs.by_name:
            return not_written(claimed, "no_such_pack", claimed.now)
        if key is None or claimed.email is None or claimed.token is None:
            return suppressed(claimed, Silence.ERASED)
        return None

    def _write(self, claimed: Claimed, key: PersonKey | None) -> Prepared:
        assert key is not None
        packs, journey = self._policies.packs, claimed.journey
        address = _opened(key, claimed, "email", claimed.email)
        facts = Facts(
            kind=claimed.kind,
            previous_department=claimed.previous_department,
            due_at=claimed.due_at,
            former_due_at=claimed.former_due_at,
            variant=claimed.variant,
            name=_opened(key, claimed, "name", claimed.name),
            text=_opened(key, claimed, claimed.said_field or "text", claimed.said),
            said_by=claimed.said_by,
            link=self._pages + _opened(key, claimed, "progress_token", claimed.token),
        )
        language = journey.language
        remedies = self._renderer.remedies(language)
        letter = compose(facts, journey, packs, remedies, language=language, now=claimed.at)
        words = self._renderer.render(letter)
        sender = packs[journey.pack].notices.sender
        message_id = message_id_of(
            str(claimed.cause_id), str(claimed.recipient_ref), "email", sender.address.partition("@")[2]
        )
        message = splice(
            Mail(
                sender_name=sender.name.in_(language),
                sender=sender.address,
                recipient=address,
                subject=words.subject[:MAX_SUBJECT],
                text=words.text,
                html=words.html,
                message_id=message_id,
                at=claimed.at,
                language=_TAG[language],
            )
        )
        bare = claimed.kind == "acknowledgement" and not (letter.department and letter.due)
        mailbox = self._vault.contact_hash("email", address.strip().lower())
        return Prepared(
            claimed=claimed,
            sender=sender.address,
            recipient=address,
            message=message,
            message_id=message_id,
            mailbox=mailbox,
            bare=bare,
        )


def _opened(key: PersonKey, claimed: Claimed, field: str, sealed: str | None) -> str:
    text = open_sealed(key, claimed.complaint_id, field, sealed)
    if text is UNREADABLE:
        raise KeyDamaged("the person's key is damaged")
    if text is ERASED:
        raise _Gone
    return str(text) if text is not None else ""
