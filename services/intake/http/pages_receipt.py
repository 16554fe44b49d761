"""What a browser keeps between two pages: the receipt of a filed complaint and the secret that makes its keys its own."""

import hashlib
import hmac
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

from services.intake.domain.complaint import Complaint
from services.intake.handlers import Accepted
from shared.runtime.web.language import is_secure

_RECEIPT = "redress_receipt"
_VISITOR = "redress_visitor"
_RECEIPT_SECONDS = 2 * 3600
_VISITOR_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the last page of a form shows. It holds the private link, so it lives in a signed, script-free cookie."""

    reference: str
    progress_url: str
    received_at: str
    language: str
    channel: str
    told_by_mail: bool
    next_step: str = ""
    store: str = ""

    @classmethod
    def of(
        cls, accepted: Accepted, *, complaint: Complaint, told_by_mail: bool, next_step: str = "", store: str = ""
    ) -> "Receipt":
        """From intake's answer and what was filed."""
        return cls(
            reference=accepted.reference,
            progress_url=accepted.progress_url,
            received_at=accepted.received_at.isoformat(),
            language=complaint.language,
            channel=complaint.channel,
            told_by_mail=told_by_mail,
            next_step=next_step[:200],
            store=store[:100],
        )

    @property
    def at(self) -> datetime:
        """When the complaint was received."""
        return datetime.fromisoformat(self.received_at)


class Cookies:
    """Writes and reads both cookies; `path` keeps the public form's and the call form's apart."""

    def __init__(self, key: bytes, path: str) -> None:
        self._serializer = URLSafeTimedSerializer(key, salt=f"redress-receipt-v1:{path}")
        self._key = hmac.digest(key, b"redress-form-keys-v1", "sha256")
        self._path = path

    def keep_receipt(self, request: Request, response: Response, receipt: Receipt) -> None:
        """Remember the receipt for two hours, so that the last page survives a reload."""
        self._set(request, response, _RECEIPT, str(self._serializer.dumps(asdict(receipt))), _RECEIPT_SECONDS)

    def receipt(self, request: Request) -> Receipt | None:
        """The receipt this browser holds; None when there is none, it is too old, or not ours."""
        try:
            return Receipt(**self._serializer.loads(request.cookies.get(_RECEIPT, ""), max_age=_RECEIPT_SECONDS))
        except (BadData, TypeError):
            return None

    def keep_visitor(self, request: Request, response: Response) -> None:
        """Give a browser its secret before it posts."""
        if _VISITOR not in request.cookies:
            self._set(request, response, _VISITOR, secrets.token_urlsafe(24), _VISITOR_SECONDS)

    def idempotency_key(self, request: Request, form_key: str) -> UUID:
        """The key under which a form is filed: the form's own, bound to this browser (promises.md T3).

        Whoever learns the hidden key of somebody's form but lacks their cookie gets another key, and so never their link.
        """
        visitor = request.cookies.get(_VISITOR, "")
        mixed = hmac.digest(self._key, f"{visitor}|{form_key}".encode(), hashlib.sha256)
        return UUID(bytes=mixed[:16], version=4)

    def _set(self, request: Request, response: Response, name: str, value: str, seconds: int) -> None:
        secure = is_secure(request)
        response.set_cookie(name, value, max_age=seconds, path=self._path, httponly=True, samesite="lax", secure=secure)
