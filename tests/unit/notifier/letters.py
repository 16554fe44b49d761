"""One letter of every kind and variant, for golden files and properties."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from services.notifier.domain.kinds import KINDS, NoticeKind
from services.notifier.domain.letter import Letter
from services.notifier.domain.timewords import Language, before

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
SAID = {
    "en": "The courier found your parcel in the depot.\nIt leaves <today> & comes tomorrow.",
    "zh": "快递员在仓库找到了您的包裹。\n今天发出 <加急> & 明天送到。",
}
NAMES = {
    "en": ("Yuejia Retail", "Ms Wang", "Delivery", "Online shop", "a full refund"),
    "zh": ("悦家零售", "王女士", "物流配送", "网上商城", "全额退款"),
}
SPEAKS: tuple[NoticeKind, ...] = (
    "progress",
    "question",
    "promise",
    "resolution",
    "reminder_answer",
    "reminder_confirmation",
)


def full(kind: NoticeKind, language: Language, variant: str = "") -> Letter:
    """A letter with everything that can be known."""
    organisation, name, department, previous, remedy = NAMES[language]

    def date(days: int) -> object:
        return before(NOW + timedelta(days=days, hours=6), now=NOW, zone=ZONE, language=language)

    return Letter(
        kind=kind,
        language=language,
        organisation=organisation,
        reference="R-4K7M-2XA9",
        link="https://help.example/c/k3nQ",
        name=name,
        department=department,
        speaker=department,
        previous_department=previous if kind == "transfer" else "",
        due=None
        if kind in ("question", "closure", "withdrawn", "resolution", "reminder_confirmation") or variant == "promise"
        else date(1),  # type: ignore[arg-type]
        former_due=date(0) if kind == "delay" else None,  # type: ignore[arg-type]
        answer_due=date(3) if "reminder" in kind or kind in ("question", "resolution") else None,  # type: ignore[arg-type]
        promise_due=date(2) if "promise" in (kind, variant) else None,  # type: ignore[arg-type]
        text=SAID[language] if kind in SPEAKS or (kind == "delay" and variant != "no_reason") else "",
        variant=variant,
        remedy=remedy if kind == "resolution" else "",
    )


def bare(kind: NoticeKind, language: Language, variant: str = "") -> Letter:
    """A letter with the least that can be known."""
    return Letter(
        kind=kind,
        language=language,
        organisation=NAMES[language][0],
        reference="R-4K7M-2XA9",
        link="https://help.example/c/k3nQ",
        text=SAID[language] if kind in SPEAKS else "",
        variant=variant,
    )


VARIANTS: dict[NoticeKind, tuple[str, ...]] = {
    "closure": ("confirmed", "no_answer", "merged"),
    "answer_received": ("", "no_answer"),
    "delay": ("", "no_reason", "promise"),
    "transfer": ("", "arbitration"),
}
CASES = [(kind, variant) for kind in KINDS for variant in VARIANTS.get(kind, ("",))]
