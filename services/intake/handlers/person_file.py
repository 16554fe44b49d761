"""What we hold of a person as a document for them: the same as JSON and as PDF, in both languages."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from shared.policies.packs import Packs
from shared.runtime.paper import Part, pdf

_TITLE: Final = "个人数据副本 Copy of your personal data"
_LEAD: Final = (
    "这里是我们保存的与您有关的全部内容。时间均为世界协调时（UTC）。机器可读的同一份内容在附带的 JSON 文件里；"
    "此处显示为方框的字符请看 JSON。\n"
    "This is everything that we hold about you. Times are UTC. The JSON file beside it holds the same for programs; signs that"
    " stand as a box here are right there."
)
LABELS: Final[Mapping[str, str]] = {
    "received_at": "收到时间 received",
    "state": "状态 state",
    "channel": "渠道 channel",
    "language": "语言 language",
    "department": "责任部门 owner",
    "name": "姓名 name",
    "email": "邮箱 e-mail",
    "phone": "电话 phone",
    "title": "标题 title",
    "category": "分类 category",
    "store_id": "门店 store",
    "order_id": "订单 order",
    "details": "其他 other",
    "rating": "满意度 satisfaction",
}


def as_pdf(document: Mapping[str, Any]) -> bytes:
    """The PDF of a document with its stores; its form is told in the runbook."""
    made = [("编号 person", str(document["person_id"])), ("制作时间 made", str(document["made_at"]))]
    complaints: Sequence[Mapping[str, Any]] = document["complaints"]
    return pdf(_TITLE, _LEAD, [Part("", made), *(part for one in complaints for part in _parts(one))])


def with_stores(document: Mapping[str, Any], packs: Packs) -> dict[str, Any]:
    """The document with the name of each shop in both languages; null where none was told or no pack lists it."""
    complaints = [one | {"store": _name_of(one, packs)} for one in document["complaints"]]
    return {**document, "complaints": complaints}


def _name_of(one: Mapping[str, Any], packs: Packs) -> dict[str, str] | None:
    pack = packs.by_name.get(one["pack"])
    store = pack.stores.get(one["store_id"]) if pack else None
    return store.name.model_dump() if store else None


def _shown(one: Mapping[str, Any], name: str) -> str:
    store = one["store"] if name == "store_id" else None
    return f"{one[name]} · {store['zh']} · {store['en']}" if store else str(one[name])


def _parts(one: Mapping[str, Any]) -> Iterator[Part]:
    facts = [(label, _shown(one, name)) for name, label in LABELS.items() if one.get(name) not in (None, "", {})]
    yield Part(f"投诉 Complaint {one['reference']}", facts, [("原话 in your words", str(one["text"] or "–"))])
    added = [(f"{line['at']} · {line['kind']}", line["text"] or "–") for line in one["additions"]]
    if added:
        yield Part("补充 Additions", (), added)
    story = [
        (" · ".join(filter(None, (line["at"], line["what"], line["by"], line["department"]))), line["text"] or "–")
        for line in one["history"]
    ]
    if story:
        yield Part("经过 History", (), story)
    sent = [(f"{line['at']}", f"{line['kind']} · {line['channel']} · {line['state']}") for line in one["messages"]]
    if sent:
        yield Part("消息 Messages", sent)
