"""Every sentence intake says to a caller about a refused request, in Chinese and English."""

from collections.abc import Mapping
from typing import NamedTuple


class Texts(NamedTuple):
    """One sentence in both languages; `{names}` are filled in."""

    zh: str
    en: str


FAULTS: Mapping[str, Texts] = {
    "required": Texts("此项必填。", "This field is required."),
    "unknown_field": Texts(
        "不认识的字段“{field}”，请删除或改正拼写。", "Unknown field “{field}”: remove it or correct its spelling."
    ),
    "not_text": Texts("应为文本（字符串）。", "Must be text (a string)."),
    "blank": Texts("不能为空。", "Must not be empty."),
    "too_long": Texts("最多 {limit} 个字符。", "At most {limit} characters."),
    "not_a_code": Texts(
        "含有不允许的字符：请用字母、数字和 _ . : / # -（代码名用小写），最多 64 个字符。",
        "Has characters that are not allowed: use letters, digits and _ . : / # - (names of codes in lower case), at most 64.",
    ),
    "not_one_of": Texts("应为以下之一：{allowed}。", "Must be one of: {allowed}."),
    "not_boolean": Texts("应为 true 或 false。", "Must be true or false."),
    "not_an_object": Texts("应为 JSON 对象。", "Must be a JSON object."),
    "not_a_list": Texts("应为 JSON 数组。", "Must be a JSON array."),
    "too_few": Texts("至少要有 1 项。", "Must have at least one entry."),
    "too_many": Texts("最多 {limit} 项。", "At most {limit} entries."),
    "not_a_moment": Texts(
        "应为带时区的时间，例如 2026-03-01T09:30:00+08:00。",
        "Must be a time with its zone, such as 2026-03-01T09:30:00+08:00.",
    ),
    "no_time_zone": Texts(
        "时间缺少时区，请写成 2026-03-01T09:30:00+08:00 这样。",
        "The time has no zone: write it as 2026-03-01T09:30:00+08:00.",
    ),
    "in_the_future": Texts("时间在将来，请检查设备的时钟。", "Lies in the future: check the clock of the device."),
    "too_long_ago": Texts("早于 {limit} 天前，无法受理。", "Is more than {limit} days ago."),
    "not_a_uuid": Texts(
        "应为 UUID，例如 018f3a5e-7c3b-7d7e-9c8a-3f1f7f0f2a11。",
        "Must be a UUID, such as 018f3a5e-7c3b-7d7e-9c8a-3f1f7f0f2a11.",
    ),
    "not_json": Texts("请求内容不是有效的 JSON（UTF-8）{place}。", "The body is not valid JSON in UTF-8{place}."),
    "said_twice": Texts("此字段出现了两次，请只保留一个。", "This field is there twice: keep one."),
    "half_character": Texts(
        "含有被截断的字符（半个表情符号），请完整发送或删去。",
        "Has half a character (a cut emoji, a lone surrogate): send it whole or leave it out.",
    ),
    "not_a_number": Texts(
        "不是 JSON 能表示的数（NaN、无穷大或位数过多）。",
        "Is no number in JSON: NaN, infinity, or far too many digits.",
    ),
    "too_deep": Texts("嵌套超过 {limit} 层。", "Is nested deeper than {limit} levels."),
    "control_character": Texts(
        "含有控制字符或此处不允许的换行。", "Has a control character, or a line break where none may be."
    ),
    "email": Texts("不是有效的电子邮箱，例如 name@example.com。", "Is not an e-mail address like name@example.com."),
    "not_a_customers_email": Texts(
        "是我们自己的或邮件系统的地址，不是客户的。请填写客户本人的邮箱，或者不填。",
        "Is an address of ours or of a mail system, not a customer's: give the customer's own, or none.",
    ),
    "phone": Texts(
        "不是有效的电话号码；境外号码请加国家代码，例如 +44 20 7946 0018。",
        "Is not a phone number; outside China add the country code, such as +44 20 7946 0018.",
    ),
    "reference": Texts("不是有效的投诉编号，例如 R-4K7M-2XA9。", "Is not a complaint reference like R-4K7M-2XA9."),
    "wrong_channel": Texts(
        "此密钥只能登记“{allowed}”渠道的投诉。", "This key files complaints of the channel “{allowed}” only."
    ),
    "wrong_store": Texts(
        "此密钥只能登记门店“{allowed}”的投诉。", "This key files complaints of the store “{allowed}” only."
    ),
    "not_acceptable": Texts("该值不符合要求。", "This value is not acceptable."),
}

PROBLEMS: Mapping[str, tuple[Texts, Texts]] = {
    # name in shared/problems.py, which has the status: (title, detail)
    "idempotency-key-missing": (
        Texts("缺少或无效的 Idempotency-Key", "Idempotency-Key missing or not valid"),
        Texts(
            "每次登记都要在请求头 Idempotency-Key 中给出一个新的 UUID；重试时用同一个。",
            "Send a new UUID in the header Idempotency-Key for every complaint, and the same one on a retry.",
        ),
    ),
    "not-authorised": (
        Texts("凭据无效", "Credential missing or not valid"),
        Texts(
            "请在 Authorization: Bearer 中提供有效的渠道密钥。", "Send a valid channel key as Authorization: Bearer."
        ),
    ),
    "not-allowed": (
        Texts("此密钥无权这样做", "This key may not do that"),
        Texts("请求超出了此渠道密钥的范围。", "The request is outside the scope of this channel key."),
    ),
    "not-found": (
        Texts("没有找到这件投诉", "No such complaint"),
        Texts(
            "没有这件投诉，或它不是用此密钥登记的。", "There is no such complaint, or it was not filed by this client."
        ),
    ),
    "wrong-state": (
        Texts("投诉目前不能这样做", "Not possible in the state of the complaint"),
        Texts("投诉已经撤回或结案。", "The complaint is withdrawn or closed."),
    ),
    "in-progress": (
        Texts("同一个请求正在处理", "The same request is being processed"),
        Texts("请稍后用同一个 Idempotency-Key 重试。", "Retry shortly with the same Idempotency-Key."),
    ),
    "erased": (
        Texts("客户的个人信息已删除", "The customer was erased"),
        Texts(
            "这条投诉曾经登记过；客户的个人信息和原话后来已删除，这里不再保存，也不会重新登记。请不要再发送。",
            "This complaint was filed; the customer and what they told were erased since. Nothing of it is kept and nothing"
            " is filed again: do not send it any more.",
        ),
    ),
    "too-large": (
        Texts("请求内容太大", "The body is too large"),
        Texts("请求内容最多 {limit} 字节。", "A body may have at most {limit} bytes."),
    ),
    "unsupported-media-type": (
        Texts("不接受这种类型的请求内容", "The body is of a type that is not taken here"),
        Texts(
            "请以 Content-Type: application/json 发送，不要压缩（不带 Content-Encoding）。",
            "Send it as Content-Type: application/json, not compressed (without Content-Encoding).",
        ),
    ),
    "invalid": (
        Texts("请求内容有误", "The request is not valid"),
        Texts("请按 errors 中的说明改正后重发。", "Correct what `errors` lists and send it again."),
    ),
    "idempotency-key-reused": (
        Texts("Idempotency-Key 已用于另一个请求", "Idempotency-Key was used for another request"),
        Texts(
            "此键已用于内容不同的请求；新的投诉请用新的 UUID。",
            "This key belongs to a request with another body; use a new UUID for a new complaint.",
        ),
    ),
    "too-many": (
        Texts("请求太频繁", "Too many requests"),
        Texts("请稍候再试。", "Wait a little and try again."),
    ),
    "unexpected": (
        Texts("出了问题", "Something went wrong on our side"),
        Texts(
            "这是我们的问题。请稍后用同一个 Idempotency-Key 重试。",
            "This is our fault. Retry later with the same Idempotency-Key.",
        ),
    ),
    "unavailable": (
        Texts("暂时无法受理", "Not available at the moment"),
        Texts(
            "尚未登记，请稍后用同一个 Idempotency-Key 重试，不会重复登记。",
            "Nothing was filed. Retry with the same Idempotency-Key; it will not be filed twice.",
        ),
    ),
}

WARNINGS: Mapping[str, Texts] = {
    "unknown_category": Texts(
        "没有这个分类：已保存，但不据此分派。可用的分类：{allowed}。",
        "There is no such category: it is kept, and not used for routing. Those there are: {allowed}.",
    ),
    "unknown_department": Texts(
        "没有这个部门：已保存，按涉及员工的投诉处理。现有的部门：{allowed}。",
        "There is no such department: it is kept, and the complaint counts as one about staff. Those there are: {allowed}.",
    ),
    "unknown_store": Texts(
        "门店列表里没有这个编号：已原样保存，处理人员能看到，只是没有店名。列表中有：{allowed}。",
        "The list of stores has no such id: it is kept and shown as it is, without a name. Those there are: {allowed}.",
    ),
    "no_number": Texts(
        "客户希望回电，但没有电话号码；请问清后补充。",
        "A call-back is wanted, but there is no number to ring: ask for one and add it.",
    ),
    "unreachable": Texts(
        "没有可以联系客户的方式：请把 progress_url 交给客户，否则进展和答复无法告知。",
        "Nobody can tell this customer anything: give them the link in progress_url, or add a phone number.",
    ),
}
"""What the 201 of a filing says beside the complaint."""
