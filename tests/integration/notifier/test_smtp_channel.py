"""What became of a mail is known exactly: sent, later, never, or unknown (only when the answer to the dot was lost)."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.notifier.channels.conversation import Patience
from services.notifier.channels.outcome import Stage, Verdict
from services.notifier.channels.smtp import BadSmtpUrl, ChannelAway, Relay, SmtpConnection
from tests.integration.notifier.scripted_smtp import ScriptedSmtp, Step
from tests.integration.notifier.waiting import until

QUICK = Patience(connect=0.5, command=0.2, dot=0.2)
MESSAGE = b"Subject: hi\r\n\r\nbody\r\n"


@pytest.fixture(params=[True, False], ids=["pipelining", "one-by-one"])
async def smtp(request: pytest.FixtureRequest) -> AsyncIterator[ScriptedSmtp]:
    async with ScriptedSmtp(pipelining=request.param) as server:
        yield server


def connect(server: ScriptedSmtp) -> SmtpConnection:
    return SmtpConnection(Relay.from_url(server.url), hello="test.example", patience=QUICK)


async def send(connection: SmtpConnection, to: str = "a@b.example") -> tuple[str, str, str]:
    outcome = await connection.send("us@shop.example", to, MESSAGE)
    return outcome.verdict, outcome.stage, outcome.reason


async def test_many_mails_travel_over_one_connection(smtp: ScriptedSmtp) -> None:
    connection = connect(smtp)
    for _ in range(5):
        assert await send(connection) == (Verdict.SENT, Stage.DOT, "sent")
    await connection.close()
    assert smtp.connections == 1 and len(smtp.taken) == 5 and smtp.commands["QUIT"] == 1
    taken = smtp.taken[0]
    assert (taken.sender, taken.recipient, taken.raw) == ("us@shop.example", "a@b.example", MESSAGE)


@pytest.mark.parametrize(
    ("stage", "reply", "verdict", "what"),
    [
        ("mail", "451 4.3.0 later", Verdict.TRANSIENT, ""),
        ("mail", "550 5.7.1 not you", Verdict.TRANSIENT, "ours"),
        ("mail", "550 5.1.8 bad sender", Verdict.TRANSIENT, "ours"),
        ("rcpt", "450 4.2.1 grey", Verdict.TRANSIENT, ""),
        ("rcpt", "452 4.2.2 full", Verdict.TRANSIENT, ""),
        ("rcpt", "550 5.1.1 no such user", Verdict.PERMANENT, "bad mailbox"),
        ("rcpt", "556 5.1.10 no mail here", Verdict.PERMANENT, "bad mailbox"),
        ("rcpt", "550 5.1.7 bad sender", Verdict.TRANSIENT, "ours"),
        ("rcpt", "552 5.2.2 full", Verdict.PERMANENT, ""),
        ("rcpt", "550 5.2.1 disabled", Verdict.PERMANENT, ""),
        ("rcpt", "550 5.7.1 relaying denied", Verdict.TRANSIENT, "ours"),
        ("rcpt", "550 nobody", Verdict.PERMANENT, ""),
        ("rcpt", "503 bad sequence", Verdict.TRANSIENT, "ours"),
        ("data", "451 4.3.0 later", Verdict.TRANSIENT, ""),
        ("data", "554 5.6.0 no", Verdict.TRANSIENT, "ours"),
        ("dot", "451 4.3.0 later", Verdict.TRANSIENT, ""),
        ("dot", "554 5.7.0 spam", Verdict.TRANSIENT, "ours"),
        ("dot", "550 5.4.5 daily limit", Verdict.TRANSIENT, "ours"),
        ("dot", "554 no", Verdict.TRANSIENT, "ours"),
        ("dot", "550 5.1.1 no such user", Verdict.PERMANENT, "bad mailbox"),
        ("mail", "421 4.3.2 closing", Verdict.TRANSIENT, ""),
        ("dot", "421 4.3.2 closing", Verdict.TRANSIENT, ""),
    ],
)
async def test_a_refusal_is_judged_by_stage_and_code_and_the_next_mail_goes_through(
    smtp: ScriptedSmtp, stage: str, reply: str, verdict: Verdict, what: str
) -> None:
    connection = connect(smtp)
    await connection.open()
    smtp.script.append(Step(stage, reply))
    outcome = await connection.send("us@shop.example", "a@b.example", MESSAGE)
    assert (outcome.verdict, outcome.stage) == (verdict, Stage(stage))
    assert (outcome.bad_mailbox, outcome.ours) == (what == "bad mailbox", what == "ours")
    assert outcome.reason == f"smtp_{reply[:3]}"
    assert (await send(connection))[0] is Verdict.SENT
    assert len(smtp.taken) == 1
    await connection.close()


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
async def test_a_line_cut_before_the_message_was_written_is_safe_to_repeat(smtp: ScriptedSmtp, stage: str) -> None:
    connection = connect(smtp)
    smtp.script.append(Step(stage, "cut"))
    assert await send(connection) == (Verdict.TRANSIENT, Stage(stage), f"lost_at_{stage}")
    assert (await send(connection))[0] is Verdict.SENT
    await connection.close()


@pytest.mark.parametrize("do", ["cut", "accept_then_cut"])
async def test_a_line_cut_after_the_dot_leaves_the_outcome_unknown(smtp: ScriptedSmtp, do: str) -> None:
    connection = connect(smtp)
    smtp.script.append(Step("dot", do))
    assert await send(connection) == (Verdict.UNKNOWN, Stage.DOT, "lost_at_dot")
    assert not connection.stands
    await connection.close()


@pytest.mark.parametrize(
    ("stage", "verdict"),
    [("mail", Verdict.TRANSIENT), ("rcpt", Verdict.TRANSIENT), ("data", Verdict.TRANSIENT), ("dot", Verdict.UNKNOWN)],
)
async def test_a_silent_server_is_waited_for_no_longer_than_the_stage_allows(
    smtp: ScriptedSmtp, stage: str, verdict: Verdict
) -> None:
    connection = connect(smtp)
    smtp.script.append(Step(stage, "hang"))
    assert await send(connection) == (verdict, Stage(stage), f"slow_at_{stage}")
    assert not connection.stands
    await connection.close()


async def test_making_sure_of_a_connection_never_breaks_off_a_mail_on_its_way(smtp: ScriptedSmtp) -> None:
    """Under load another task asks whether the connection stands while its replies are half read."""
    connection = connect(smtp)
    for number in range(30):
        sending = asyncio.create_task(send(connection, f"a{number}@b.example"))
        while not sending.done():
            await connection.open()
            await asyncio.sleep(0)
        assert (await sending)[0] is Verdict.SENT
    await connection.close()
    assert smtp.connections == 1 and len(smtp.taken) == 30


async def test_an_idle_connection_that_the_relay_closed_costs_nothing(smtp: ScriptedSmtp) -> None:
    connection = connect(smtp)
    await send(connection)
    smtp.drop_connections()
    assert (await send(connection))[0] is Verdict.SENT
    assert smtp.connections == 2
    await connection.close()


async def test_a_relay_that_hangs_up_while_idle_with_421_is_noticed(smtp: ScriptedSmtp) -> None:
    connection = connect(smtp)
    await send(connection)
    for writer in smtp._open:
        writer.write(b"421 idle too long\r\n")
    await until(lambda: not connection.stands)
    assert (await send(connection))[0] is Verdict.SENT
    await connection.close()


@pytest.mark.parametrize(
    ("banner", "reason"), [("hang", "slow_at_connect"), ("cut", "lost_at_connect"), ("554 go away", "smtp_554")]
)
async def test_a_relay_that_does_not_greet_is_away_and_nothing_was_sent(banner: str, reason: str) -> None:
    async with ScriptedSmtp() as smtp:
        smtp.always = Step("banner", banner)
        connection = connect(smtp)
        with pytest.raises(ChannelAway) as away:
            await connection.open()
        assert away.value.reason == reason
        assert await send(connection) == (Verdict.TRANSIENT, Stage.CONNECT, reason)


async def test_nobody_listening_is_away() -> None:
    async with ScriptedSmtp() as smtp:
        pass
    assert await send(connect(smtp)) == (Verdict.TRANSIENT, Stage.CONNECT, "lost_at_connect")


async def test_a_server_that_talks_no_smtp_is_hung_up_on(smtp: ScriptedSmtp) -> None:
    connection = connect(smtp)
    smtp.script.append(Step("mail", "what?"))
    assert (await send(connection))[0] is Verdict.TRANSIENT
    assert (await send(connection))[0] is Verdict.SENT
    await connection.close()


@pytest.mark.parametrize(
    ("url", "host", "port", "wrapped", "starttls"),
    [
        ("smtp://127.0.0.1:8107", "127.0.0.1", 8107, False, False),
        ("smtp://mail.example", "mail.example", 25, False, None),
        ("smtp://u:p%40ss@mail.example:587?tls=require", "mail.example", 587, False, True),
        ("smtps://mail.example", "mail.example", 465, True, False),
    ],
)
def test_the_address_of_the_relay_is_read(url: str, host: str, port: int, wrapped: bool, starttls: bool | None) -> None:
    relay = Relay.from_url(url)
    assert (relay.host, relay.port, relay.wrapped, relay.starttls) == (host, port, wrapped, starttls)
    assert "p@ss" not in repr(relay)
    assert relay.password == ("p@ss" if "@mail" in url else None)


@pytest.mark.parametrize("url", ["", "mail.example:25", "http://x", "smtp://", "smtp://x:99999", "smtp://x?tls=maybe"])
def test_a_wrong_address_of_the_relay_is_refused_with_a_reason(url: str) -> None:
    with pytest.raises(BadSmtpUrl, match="SMTP_URL"):
        Relay.from_url(url)
