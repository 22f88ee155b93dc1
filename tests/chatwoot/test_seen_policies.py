"""Settings of the recruiters' side at work: bots that may speak, a silence that ends, a token that is refused."""

import json
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from app.channels.whatsapp_inbound import address_of
from app.database.conversations import Owner
from app.local.postgres import PostgresServer
from tests.chatwoot.interleaving_world import act, counted, fault, lift, until_idle
from tests.chatwoot.test_ownership import until_owned
from tests.chatwoot.test_towards_candidates import met, until_noted
from tests.faults.test_takeover import in_chatwoot, status_is
from tests.fixtures.stack import NUMBER_ID, OPS_TOKEN, Phone, Process, Stack, running_stack, until_true

pytestmark = pytest.mark.xdist_group("seen-policies")
SILENCE_SECONDS = 4.0
BACK = "is back and continues"


@pytest.fixture(scope="module")
async def lenient(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack in which Chatwoot's bots and rules may speak and a silent person loses the conversation after 4 s."""
    directory = tmp_path_factory.mktemp("lenient")
    environ = {
        "CHATWOOT_BOT_MESSAGES": "send",
        "HUMAN_SILENCE_HOURS": f"{SILENCE_SECONDS / 3600:.6f}",
        "RECONCILE_DESK_SECONDS": "1",
    }
    async with running_stack(postgres, directory, more=environ) as stack:
        await stack.serve()
        yield stack


async def ops(stack: Stack, path: str, process: Process | None = None) -> str:
    headers = {"authorization": f"Bearer {OPS_TOKEN}"}
    url = (process or stack.processes[0]).url
    async with httpx.AsyncClient(base_url=url, trust_env=False, headers=headers) as client:
        return (await client.get(path)).text


async def test_with_send_what_rules_surveys_and_bots_write_reaches_the_candidate_and_takes_nothing(
    lenient: Stack,
) -> None:
    phone, conversation = await met(lenient)
    authors = ("automation", "csat", "captain", 1)  # 1 is our own user, whose hand-written words carry no marker
    for author in authors:
        await lenient.recruiter(conversation, content=f"from {author} to {phone.number}", author=author)
    # One whose webhook is lost is found like a recruiter's.
    lost = f"late to {phone.number}"
    await fault(lenient, on="WEBHOOK inbox:message_created", match=lost, action="drop")
    await lenient.recruiter(conversation, content=lost, author="automation")
    await lenient.recruiter(conversation, content=f"private to {phone.number}", author="captain", private=True)
    wanted = {f"from {author} to {phone.number}" for author in authors} | {lost}
    await phone.until(lambda all_: {each["text"] for each in all_} >= wanted, "all of them", seconds=20)
    await phone.exchange("I can drive a truck.")
    await until_idle(lenient, phone)
    texts = [each["text"] for each in await phone.replies()]
    assert sorted(text for text in texts if phone.number in text) == sorted(wanted)
    assert (await phone.view()).owner is Owner.ASSISTANT
    assert await status_is(lenient, conversation, "pending")


async def test_after_the_configured_silence_the_assistant_returns_with_a_line_that_both_see(lenient: Stack) -> None:
    phone, conversation = await met(lenient)
    await lenient.recruiter(conversation, content="One moment")
    await until_owned(phone, Owner.HUMAN)
    took = time.monotonic()
    replies = await phone.until(lambda all_: any(BACK in each["text"] for each in all_), "the visible line")
    assert time.monotonic() - took > SILENCE_SECONDS - 2
    assert [BACK in each["text"] for each in replies].count(True) == 1
    await until_owned(phone, Owner.ASSISTANT)
    assert (await phone.view()).owner_reason == "silence"
    await until_true(lambda: status_is(lenient, conversation, "pending"), what="the conversation to be pending")
    await until_idle(lenient, phone)
    assert [BACK in (each.content or "") for each in lenient.shown_in_chatwoot(conversation)].count(True) == 1
    assert (await phone.exchange("I can drive a truck."))["text"]


async def test_who_could_not_be_told_of_the_return_is_told_with_the_next_answer(lenient: Stack) -> None:
    await lenient.whatsapp_http.post("/_twin/clock", json={"advance": -25 * 3600})
    try:
        phone = await lenient.candidate()
        await phone.say("Hello, I am looking for work")

        async def known() -> bool:
            return await lenient.record.conversations.find(address_of(NUMBER_ID, phone.number)) is not None

        await until_true(known, what="the conversation")
        conversation = (await in_chatwoot(lenient, phone)).chatwoot.conversation_id
        await lenient.recruiter(conversation, content="One moment")
        await until_noted(lenient, conversation, "The candidate was not told")
    finally:
        await lenient.whatsapp_http.post("/_twin/clock", json={"advance": 25 * 3600})
    await until_owned(phone, Owner.ASSISTANT)
    assert BACK in (await phone.exchange("Hello again"))["text"]


async def test_a_person_who_goes_on_writing_keeps_the_conversation(lenient: Stack) -> None:
    phone, conversation = await met(lenient)
    began, number, said = time.monotonic(), 0, len(await phone.replies())
    while time.monotonic() - began < 2 * SILENCE_SECONDS:
        number += 1
        await lenient.recruiter(conversation, content=f"thought {number}")
        await phone.until_said(said + number, seconds=SILENCE_SECONDS - 1)
        await until_idle(lenient, phone)
    texts = [each["text"] for each in await phone.replies()]
    assert texts[said:] == [f"thought {each}" for each in range(1, number + 1)]
    assert (await phone.view()).owner is Owner.HUMAN


async def test_a_closed_conversation_does_not_come_back_by_silence(lenient: Stack) -> None:
    phone, conversation = await met(lenient)
    await act(lenient, conversation, status="resolved")
    await until_owned(phone, Owner.NOBODY)
    async with counted(lenient, r"^GET /api/v1/accounts/1/conversations$") as searches:

        async def searched() -> bool:
            return await searches.seen() >= SILENCE_SECONDS + 2

        await until_true(searched, what="the silence to pass")
    assert (await phone.view()).owner is Owner.NOBODY
    assert not [each for each in await phone.replies() if BACK in each["text"]]


@pytest.fixture
async def refusing(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack whose Chatwoot will refuse our token."""
    async with running_stack(postgres, tmp_path_factory.mktemp("refusing"), webs=2) as stack:
        await stack.serve()
        yield stack


async def halted(stack: Stack) -> float:
    lines = [line for line in (await ops(stack, "/metrics")).splitlines() if line.startswith("desk_halted")]
    return max(float(line.rpartition(" ")[2]) for line in lines)


async def test_a_refused_token_halts_chatwoots_channel_alarms_and_keeps_nobody_waiting(refusing: Stack) -> None:
    people = [await met(refusing) for _ in range(3)]
    for phone, _ in people:
        await until_idle(refusing, phone)
    assert await halted(refusing) == 0
    refused = await fault(
        refusing, on="/api/", action="respond", status=401, body={"error": "Invalid Access Token"}, times=None
    )
    newcomer = await refusing.candidate()
    await newcomer.exchange("Hello, I am looking for work")
    for phone, _ in people:
        await phone.exchange("I can drive a truck.")

    async def alarmed() -> bool:
        return await halted(refusing) == 1

    await until_true(alarmed, what="the metric that alarms")
    # The vendors' health is looked at once a minute: a process that starts now looks at once.
    another = await refusing.serve(1, WORKER_MODE="off")

    async def told() -> bool:
        return _state(await ops(refusing, "/health/detailed", another)) == "fail"

    await until_true(told, what="health to tell it")
    assert "CHATWOOT_API_TOKEN" in await ops(refusing, "/health/detailed", another)
    await lift(refusing, refused)
    # The channel tries again by itself after half a minute; nothing was lost meanwhile.
    await _caught_up(refusing, [*[phone for phone, _ in people], newcomer])
    assert await halted(refusing) == 0


def _state(detailed: str) -> str:
    components = json.loads(detailed)["components"]
    found = (
        components["chatwoot"]
        if isinstance(components, dict)
        else next(each for each in components if each["name"] == "chatwoot")
    )
    return str(found["status"])


async def _caught_up(stack: Stack, phones: list[Phone]) -> None:
    for phone in phones:
        await until_idle(stack, phone, seconds=80)
        view = await in_chatwoot(stack, phone)
        shown = [each for each in stack.shown_in_chatwoot(view.chatwoot.conversation_id) if not each.private]
        kinds = {"incoming": "candidate", "outgoing": "assistant"}
        assert [kinds[each.message_type] for each in shown] == [line.author for line in view.transcript]


async def test_while_halted_hardly_anything_is_asked_of_chatwoot(refusing: Stack) -> None:
    """Neither lanes nor reports of delivery hammer on a door that refuses the token."""
    people = [await met(refusing) for _ in range(4)]
    for phone, _ in people:
        await until_idle(refusing, phone)
    await fault(refusing, on="/api/", action="respond", status=401, body={}, times=None)
    for phone, _ in people:
        await phone.exchange("I can drive a truck.")
        await refusing.whatsapp_http.post(f"/_twin/candidates/{phone.number}/read", json={})

    async def halts() -> bool:
        return await halted(refusing) == 1

    await until_true(halts, what="the channel to halt")
    began = time.monotonic()

    async def passed() -> bool:
        return time.monotonic() - began > 5

    before = await _refusals(refusing)
    await until_true(passed, what="five seconds of halt")
    asked = await _refusals(refusing) - before
    # Of four conversations; a lane asks again after half a minute.
    assert asked <= 4


async def _refusals(stack: Stack) -> int:
    faults = (await stack.chatwoot_http.get("/_twin/faults")).json()
    return int(next(each["seen"] for each in faults if each["action"] == "respond"))
