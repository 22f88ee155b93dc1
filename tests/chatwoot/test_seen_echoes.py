"""What the service writes to Chatwoot comes back to it as webhooks: none of them makes it write again."""

from collections.abc import AsyncIterator

import pytest

from app.database.conversations import Owner
from app.local.postgres import PostgresServer
from tests.chatwoot.interleaving_world import act, all_told, counted, fault, lift, until_idle
from tests.chatwoot.test_ownership import command, until_owned
from tests.chatwoot.test_towards_candidates import met, until_noted
from tests.faults.test_takeover import status_is
from tests.fixtures.stack import Phone, Stack, running_stack, until_true

pytestmark = pytest.mark.xdist_group("seen-echoes")
PEOPLE = 3


@pytest.fixture(scope="module")
async def echoing(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack whose Chatwoot builds its webhooks late and out of order, and which searches it every second."""
    directory = tmp_path_factory.mktemp("echoing")
    async with running_stack(postgres, directory, RECONCILE_DESK_SECONDS="1", CHATWOOT_TEAM_ID="1") as stack:
        await stack.chatwoot_http.patch("/_twin/settings", json={"jitter_seconds": 0.3})
        await stack.serve()
        yield stack


async def all_kinds_of_writes(stack: Stack, phone: Phone, conversation: int) -> None:
    """Messages, notes, labels, attributes, status both ways, a failure, commands: the service writes each."""
    order = {
        "on": "POST /messages",
        "match": f"lost {phone.number}",
        "action": "respond",
        "status": 400,
        "code": 131026,
    }
    await stack.whatsapp_http.post("/_twin/faults", json=order)
    await stack.recruiter(conversation, content=f"lost {phone.number}")
    await until_noted(stack, conversation, "`/retry`")
    await until_true(lambda: status_is(stack, conversation, "open"), what="our own status")
    await command(stack, conversation, "/bot")
    await until_owned(phone, Owner.ASSISTANT)
    for text in ("/help", "/summary", "/profile", "/why"):
        await command(stack, conversation, text)
    await until_true(lambda: status_is(stack, conversation, "pending"), what="our own status")
    await phone.exchange("I can drive a truck")
    await phone.exchange("I want to talk to a person")
    await until_noted(stack, conversation, "**Handoff: ")
    await stack.whatsapp_http.post(f"/_twin/candidates/{phone.number}/read", json={})


async def test_a_storm_of_our_own_writes_makes_us_write_nothing(echoing: Stack) -> None:
    async with counted(echoing) as writes:
        people = [await met(echoing) for _ in range(PEOPLE)]
        for phone, conversation in people:
            await all_kinds_of_writes(echoing, phone, conversation)
        for phone, _ in people:
            await until_idle(echoing, phone)

        async def rests() -> bool:
            """A second in which several passes of every task found nothing to write."""
            if not await all_told(echoing):
                return False
            before = await writes.seen()
            await echoing.chatwoot_http.get("/_twin/idle")
            async with counted(echoing, "^GET /api/.*/conversations[?]?") as passes:
                began = await passes.seen()

                async def searched() -> bool:
                    return await passes.seen() >= began + 2

                await until_true(searched, what="two searches of Chatwoot")
            return await all_told(echoing) and await writes.seen() == before

        await until_true(rests, what="the writes to end", seconds=30)
        ours = await writes.seen()
        assert ours >= 20 * PEOPLE
        deliveries = (await echoing.chatwoot_http.get("/_twin/deliveries", params={"label": "^inbox:"})).json()
        assert deliveries["count"] >= 20 * PEOPLE
        shown = {number: len(echoing.shown_in_chatwoot(number)) for _, number in people}
        turns = [(await phone.view()).turn_no for phone, _ in people]
        # Every echo comes a second time, in one burst.
        for each in deliveries["deliveries"]:
            await echoing.chatwoot_http.post("/_twin/deliveries/replay", json={"id": each["id"]})
        await until_true(rests, what="the echoes to come to rest", seconds=30)
        assert await writes.seen() == ours
        assert {number: len(echoing.shown_in_chatwoot(number)) for _, number in people} == shown
        assert [(await phone.view()).turn_no for phone, _ in people] == turns


async def test_a_status_flipped_ten_times_ends_as_it_was_left_and_costs_no_write_of_ours(echoing: Stack) -> None:
    phone, conversation = await met(echoing)
    await until_idle(echoing, phone)
    async with counted(echoing, rf"^(POST|PUT|DELETE) /api/.*/conversations/{conversation}/") as writes:
        for status in ["open", "pending"] * 5:
            await act(echoing, conversation, status=status)
            await echoing.chatwoot_http.get("/_twin/idle")  # told before the next click
        await until_idle(echoing, phone)
        view = await phone.view()
        assert (view.owner, view.owner_reason) == (Owner.ASSISTANT, "status_pending")
        assert await status_is(echoing, conversation, "pending")
        assert await writes.seen() == 0


async def test_an_echo_that_is_late_does_not_give_back_what_a_recruiter_took(echoing: Stack) -> None:
    """The mirrored words of a candidate change the conversation while it is still pending in Chatwoot; that event
    comes after we have begun to open it, the event of the opening later still, and one of the takeover not at all."""
    phone, conversation = await met(echoing)
    await until_idle(echoing, phone)
    await echoing.chatwoot_http.patch("/_twin/settings", json={"jitter_seconds": 0.0, "job_seconds": 0.0})
    late = [
        await fault(echoing, on="WEBHOOK inbox:conv", match='"first_reply_created_at":{', action="drop", times=None)
    ]
    late += [
        await fault(echoing, on="WEBHOOK inbox:conversation", match=match, action="delay", seconds=wait, times=None)
        for match, wait in (('"status":"pending"', 0.6), ('"status":"open"', 1.8))
    ]
    try:
        await phone.say("I would like to work as a driver.")
        await echoing.recruiter(conversation, content="Rosa here")
        await phone.until(lambda all_: any(each["text"] == "Rosa here" for each in all_), "Rosa's message")
        await until_idle(echoing, phone)
    finally:
        for each in late:
            await lift(echoing, each)
        await echoing.chatwoot_http.patch("/_twin/settings", json={"jitter_seconds": 0.3, "job_seconds": 0.02})
    await until_idle(echoing, phone)
    view = await phone.view()
    assert (view.owner, view.owner_reason) == (Owner.HUMAN, "recruiter_wrote")
    assert await status_is(echoing, conversation, "open")
