"""Words inside other words, denials and names of things are no danger and no other matter (G1); what they hide is still found."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from services.router.domain.routing import Decision, Facts, decide
from shared.policies import Packs, load_packs
from shared.policies.doubts import SetAside

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def packs() -> Packs:
    return load_packs(ROOT / "deploy" / "policies")


def decided(packs: Packs, text: str, pack: str = "retail") -> Decision:
    language = "en" if text.isascii() else "zh"
    return decide(Facts(channel="web", language=language, text=text), packs[pack].routing)  # type: ignore[arg-type]


def codes(decision: Decision) -> set[str]:
    return {reason.code for reason in decision.priority_reasons}


DANGER = {"danger", "injury"}
INSIDE_WORDS = [
    "和同事一起火锅聚餐，订的位子却没有了",
    "我们一起火车站取货，等了一个小时",
    "送的一起火腿礼盒少了一盒",
    "订单里遗漏电话号码，客服说不管",
    "少发了，遗漏电视遥控器",
    "包裹里漏电池，说好的两节没有",
    "我接着火车票的事再问一次",
    "下单时正等着火车，所以填错地址",
    "炉子打不着火，师傅没来",
    "店里吃着火锅，空调突然停了",
    "员工不懂接触电商的规则",
    "安装时不许我接触电源插座",
    "遗漏气门芯，自行车没法骑",
    "煤气灶打火按钮松了",
    "爆炸盐洗不干净衣服",
    "买的爆炸头假发颜色不对",
    "信息爆炸的页面找不到退货入口",
    "标的骨折价，结账时又不是",
    "衣服开缝了，才穿一次",
    "缝针不齐，线头很多",
    "急救包少了一卷胶布",
    "钢化膜鼓包，贴不平",
    "手机屏幕有划伤，收到时就有",
    "起泡酒标签贴反了",
    "买的充气床漏气，第二天就瘪了",
    "电脑中毒后维修部不肯看",
]
DENIED_ZH = [
    "货架倒了，幸好没有受伤，但东西碎了",
    "没有人受伤，只是箱子破了",
    "无人员受伤，请尽快补发",
    "插座没有起火，只是不通电",
    "并未造成人员受伤，请退货",
    "电池没鼓包，就是充不进电",
    "灯不是漏电，是灯泡坏了",
    "没有发生爆炸，瓶盖松了而已",
    "机器没冒烟，只是声音大",
    "用了以后不过敏，但是味道不对",
    "孩子没有烫伤，但杯子裂了",
    "没有流血，也没去医院，就是杯口粗糙",
    "没有导致任何人受伤",
    "未发生触电，开关松动",
    "没人中毒，就是味道变了",
    "热水器不漏气也不漏电，就是不热",
    "老人没有摔倒，地垫太薄",
    "不会爆炸吧，瓶子有点胀",
    "受伤倒没有，就是台阶太高",
    "没有出现起火，包装压扁了",
    "并没有骨折，轻轻碰了一下",
    "从未住院，发票却写错了",
]
DENIED_EN = [
    "The shelf fell over. No injuries, but the vase is broken.",
    "Nobody was hurt, but the table leg snapped.",
    "I wasn't hurt, but I want my money back.",
    "No one was injured when the box tipped over.",
    "The plug did not catch fire; it just does not work.",
    "There was no smoke and the light simply went out.",
    "There is no fire, no smoke, only a dead oven.",
    "It never caught fire, it only stopped.",
    "We were not injured. The chair is wobbly.",
    "Without injury, luckily, but the lid is cracked.",
    "None of us was hurt by the door.",
    "Nobody got hurt and the driver apologised, yet the parcel is late.",
    "The battery isn't smoking, it simply does not charge.",
    "No sign of smoke, the fuse is just gone.",
    "There were no injuries or bleeding, the cup is chipped.",
    "My son was not hurt, the toy broke on day one.",
    "Neither of us was injured; the bench wobbles.",
    "The kettle hasn't exploded, the switch is loose.",
    "She did not faint and was not in hospital, the store was just hot.",
    "It didn't cause injury but the edge is rough.",
    "No one has been injured so far; the hinge is loose.",
    "No ambulance was needed, the floor was only wet.",
]
THINGS_EN = [
    "The Fire TV remote stopped pairing after an update.",
    "My Amazon Fire tablet came with a cracked corner.",
    "The Fire HD 10 screen has a dead pixel.",
    "The smoke alarm I ordered has not arrived.",
    "Two smoke detectors were missing from the box.",
    "A carbon monoxide detector was on sale, but the till took the full price.",
    "The blood pressure monitor shows an error.",
    "My blood glucose meter strips are late.",
    "The blood oranges were not ripe.",
    "The fire extinguisher I bought has no bracket.",
    "The fire pit lid is bent.",
    "The smoke grey sofa came in beige.",
    "Explosion proof lamp, wrong socket.",
    "The exploded view in the manual is wrong.",
    "Non toxic paint was advertised, the label is missing.",
    "The toy ambulance has three wheels.",
    "The rash guard is the wrong size.",
    "The ice cream had melted when it arrived.",
    "Colour bleeding on the first wash.",
    "Loose stitches on both sleeves.",
    "A hospital bag was ordered, another one came.",
    "You should fire your courier company.",
    "The no smoking sign was not what I ordered.",
]
HOMOGRAPHS = [
    ("想退订单里的一件，客服不理", "marketing", None),
    ("预订了房间，要求退订金", "marketing", None),
    ("退订票的手续费太高", "marketing", None),
    ("你们客服没水平，一问三不知", None, "outage"),
    ("这家店装修没水准", None, "outage"),
    ("照片上没水印，和宣传不一样", None, "outage"),
    ("套装里没水杯", None, "outage"),
    ("页面上没电话，找不到人", None, "outage"),
    ("楼里没电梯，送货员不上楼", None, "outage"),
    ("包装里没电池", None, "outage"),
    ("我不停电话催促，没人管", None, "outage"),
    ("灯泡了，换一个", None, "outage"),
    ("多媒体音箱没声音", None, "consumer-association"),
    ("相机过度曝光，拍不了", None, "consumer-association"),
    ("同学们一起诉说不满", None, "consumer-association"),
    ("快递登记者写错名字", None, "consumer-association"),
    ("The charger came with no power cord.", None, "outage"),
    ("There was no water bottle in the set.", None, "outage"),
    ("My inbox is flooded with your newsletters.", None, "outage"),
    ("The food court was closed early.", None, "consumer-association"),
    ("The publisher sent another edition.", None, "consumer-association"),
    ("The roller blind is too short.", None, "vulnerable"),
    ("There is a minor scratch on the lid.", None, "minor"),
]
STILL_URGENT = [
    "充电宝起火了",
    "插座着火了，客服不理",
    "热水器冒烟，一股焦味",
    "没有受伤，但是插座起火了",
    "我们一起火锅时，电磁炉起火",
    "遗漏电话的事不说了，热水器漏电",
    "没人来处理漏电的插座",
    "师傅没修好漏电",
    "没人管，孩子受伤了",
    "煤气灶漏气，屋里都是味",
    "老人滑倒骨折，住院了",
    "是不是漏电？摸上去麻",
    "不是没有受伤，手上缝了三针",
    "差点没着火，吓死人",
    "动不动冒烟",
    "不断冒烟，时不时漏电",
    "不小心烫伤，杯盖设计有问题",
    "不幸受伤，已去急诊",
    "The kettle caught fire",
    "The Fire TV power supply caught fire",
    "The smoke alarm went off because smoke came out of the oven",
    "Nobody helped when my son was injured",
    "No one came although there was a gas leak",
    "You did not fix the gas leak",
    "I was not told about the risk: it exploded in my face",
    "Not only the box: my daughter is bleeding",
    "No, it was on fire when we opened the box",
    "It burst into flames. Nobody answers.",
    "We have no answer, and the battery is smoking",
    "My son was hurt by the swing",
    "My blood pressure monitor gave me an electric shock",
    "Not without injury: she has a concussion",
    # What a longer word would hide if its borders were drawn too wide.
    "电池爆炸头部受伤",
    "锅炉房着火锅炉停了",
    "有漏电视频为证",
    "孩子被玻璃划伤",
    "送去急救包扎",
    "老人住院子女照顾",
    "The explosion of the battery burnt the carpet",
    "A fire that your heater caused burnt the carpet",
    "There was a fire this morning",
    "I had to use the fire extinguisher on your toaster",
    "She woke up in a hospital bed",
]


@pytest.mark.parametrize("text", [*INSIDE_WORDS, *DENIED_ZH, *DENIED_EN, *THINGS_EN])
def test_what_is_no_danger_is_neither_urgent_nor_a_matter_of_safety(packs: Packs, text: str) -> None:
    decision = decided(packs, text)
    assert not codes(decision) & DANGER, decision.priority_reasons
    assert decision.priority != "urgent"
    assert decision.department != "safety"


@pytest.mark.parametrize("text", STILL_URGENT)
def test_what_is_a_danger_is_urgent_all_the_same(packs: Packs, text: str) -> None:
    decision = decided(packs, text)
    assert codes(decision) & DANGER
    assert decision.priority == "urgent"


@pytest.mark.parametrize(("text", "not_owner", "not_reason"), HOMOGRAPHS)
def test_words_that_only_look_like_others_count_for_neither(
    packs: Packs, text: str, not_owner: str | None, not_reason: str | None
) -> None:
    decision = decided(packs, text)
    assert decision.department != not_owner
    assert not_reason not in codes(decision)


@pytest.mark.parametrize(
    ("text", "owner", "reason"),
    [
        ("你们的短信怎么退订都没用", "marketing", None),
        ("小区停电两天了", None, "outage"),
        ("家里没水，也没暖气", None, "outage"),
        ("There is no power since the fitter left", None, "outage"),
        ("The flat was flooded by the washing machine", None, "outage"),
        ("再不处理我找媒体曝光", None, "consumer-association"),
        ("I will see you in court", None, "consumer-association"),
        ("众多媒体都报道过", None, "consumer-association"),
        ("一停电电梯就停，停电梯也停了", None, "outage"),
        ("水泡了面板和茶几", None, "outage"),
        ("The kitchen was flooded with water", None, "outage"),
    ],
)
def test_the_words_themselves_still_count(packs: Packs, text: str, owner: str | None, reason: str | None) -> None:
    decision = decided(packs, text)
    assert owner is None or decision.department == owner
    assert reason is None or reason in codes(decision)


BANK_DENIED = [
    "My account was not hacked, the app is just slow.",
    "Nobody hacked my account; I forgot my PIN.",
    "There was no unauthorized transfer, only a fee.",
    "No account takeover happened, your page is wrong.",
    "It was never hacked, stop blocking me.",
    "There wasn't any unauthorized transfer at all.",
    "No foreclosure sale is set, I ask about my rate.",
    "We do not face eviction, we only want a statement.",
    "I bought it on an auction site and the card was declined.",
    "The auction house charged my card twice.",
    "I donate to a cancer charity by standing order.",
    "My cancer insurance premium was taken twice.",
    "You deployed an update and now I cannot see my balance.",
    "账户没有被盗，就是登录慢",
    "卡没被盗刷，是我自己忘了",
    "没有人身威胁，只是打错电话",
    "和朋友一起诉苦，你们的柜台太慢",
    "住院保险的扣费不对",
    "我居住院子门口的取款机坏了",
    "登记者姓名写错了",
    "没有恐吓，态度也好，就是算错利息",
]


@pytest.mark.parametrize("text", BANK_DENIED)
def test_the_bank_takes_denials_and_names_for_what_they_are(packs: Packs, text: str) -> None:
    decision = decided(packs, text, "bank")
    assert decision.priority == "normal", decision.priority_reasons
    assert decision.rule != "account-taken-over"


@pytest.mark.parametrize(
    "text",
    [
        "My account was hacked last night.",
        "An unauthorized transfer left my account this morning, and nobody answers.",
        "账户被盗，钱正在转出",
        "The auction of my house is on Friday, I am losing my home.",
        "He threatened to hurt me and showed up at my house.",
    ],
)
def test_the_bank_still_hears_what_is_urgent(packs: Packs, text: str) -> None:
    assert decided(packs, text, "bank").priority != "normal"


def test_it_can_be_explained_which_words_were_not_heard(packs: Packs) -> None:
    told = packs["retail"].routing.set_aside("和同事一起火锅，没有受伤")
    assert set(told) == {SetAside("起火", "一起火锅"), SetAside("受伤", None)}


@pytest.mark.parametrize("bit", ["没", "没有人", "不", "no ", "nobody was ", "not of the ", "火", "fire ", "是不是"])
def test_no_text_makes_it_run_long(packs: Packs, bit: str) -> None:
    text = "起火 injured " + bit * (9_000 // len(bit))
    began = time.perf_counter()
    decided(packs, text)
    assert time.perf_counter() - began < 0.5
