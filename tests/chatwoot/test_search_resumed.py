"""The search for what webhooks lost is cut short: the next one goes on where it stopped, and nothing is left out."""

import asyncio
import math
import time
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest
from redis.asyncio import Redis

from app.channels.chatwoot import Chatwoot
from app.database.conversations import ChatwootLink
from app.engine import reconciliation
from app.engine.reconciliation import Reconciliation
from app.local.postgres import PostgresServer
from app.mailbox.intake import Intake
from app.mailbox.mailbox import Mailbox
from app.recruiting.events import Event, RecruiterSaid, Sender
from tests.chatwoot.interleaving_world import counted, fault, lift
from tests.fixtures.stack import CHATWOOT_TOKEN, NUMBER_ID, Stack, running_stack

PEOPLE = 60  # three pages of 25
LISTING = r"^GET /api/v1/accounts/1/conversations$"


@pytest.fixture(scope="module")
async def unwatched(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack in which nothing of ours runs: every webhook is lost."""
    async with running_stack(postgres, tmp_path_factory.mktemp("unwatched")) as stack:
        yield stack


@pytest.fixture
async def mailbox(unwatched: Stack) -> AsyncIterator[Mailbox]:
    async with Redis.from_url(unwatched.redis.url) as redis:
        await redis.flushall()
        yield Mailbox(redis, lease_seconds=5)


@pytest.fixture
async def search(unwatched: Stack, mailbox: Mailbox) -> AsyncIterator[Reconciliation]:
    url, headers = str(unwatched.chatwoot_http.base_url), {"api_access_token": CHATWOOT_TOKEN}
    record = unwatched.record
    async with (
        httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as http,
        Redis.from_url(unwatched.redis.url) as redis,
    ):
        chatwoot = Chatwoot(http, account_id=1, inbox_id=1)
        yield Reconciliation(chatwoot, record.desk, record.outbox, mailbox, Intake(redis, lambda *_: None))


async def people(stack: Stack) -> list[tuple[str, int]]:
    """Addresses and Chatwoot conversations of candidates, the longest quiet first."""
    headers = {"api_access_token": CHATWOOT_TOKEN}
    async with httpx.AsyncClient(base_url=str(stack.chatwoot_http.base_url), headers=headers, trust_env=False) as http:
        chatwoot = Chatwoot(http, account_id=1, inbox_id=1)
        made = []
        for _ in range(PEOPLE):
            address = f"wa:{NUMBER_ID}:{uuid.uuid4().hex[:20]}"
            opened = await stack.record.conversations.open_turn(
                address=address, number_id=NUMBER_ID, sender=Sender(wa_id=str(uuid.uuid4().int)[:12]), message_ids=[]
            )
            desk = await chatwoot.open_desk(address, name="Anna", phone="")
            link = ChatwootLink(contact_id=desk.contact_id, conversation_id=desk.conversation_id)
            await stack.record.conversations.set_chatwoot(opened.conversation_id, link)
            made.append((address, desk.conversation_id))
        return made


def said(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, RecruiterSaid)]


@pytest.mark.parametrize("cut", ["by Chatwoot", "by the clock"])
async def test_a_search_that_is_cut_short_goes_on_with_the_page_at_which_it_stopped(
    unwatched: Stack, search: Reconciliation, mailbox: Mailbox, cut: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What has just been written is still the webhooks' business.
    monkeypatch.setattr(reconciliation, "SETTLED_SECONDS", -1.0)
    known = await people(unwatched)
    # `after=0` is no cursor to Chatwoot: message 1 of an installation is beyond any search.
    await unwatched.recruiter(known[0][1], content="a note", private=True)
    for _, conversation in known:  # so that the first one is on the last page
        await unwatched.recruiter(conversation, content=f"line for {conversation}")
    second = {"on": LISTING, "skip": 1}
    if cut == "by Chatwoot":
        await fault(unwatched, **second, action="respond", status=502)
        await search.run()
    else:
        late = await fault(unwatched, **second, action="hang")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await search.run()
        await lift(unwatched, late)
    began, _, page = (await mailbox.written("desk", "reconciling")).partition(":")
    assert (page, await mailbox.written("desk", "reconciled")) == ("2", "")
    oldest, newest = known[0], known[-1]
    assert said(await mailbox.waiting(newest[0])) == [f"line for {newest[1]}"]
    assert said(await mailbox.waiting(oldest[0])) == []
    # Meanwhile somebody of the last page moves to the first: younger than this search, so the next one's business.
    await unwatched.recruiter(known[1][1], content="moved")

    async with counted(unwatched, LISTING) as listings:
        await search.run()
        pages = math.ceil(len(unwatched.chatwoot.store.state.conversations) / 25)
        assert await listings.seen() == pages  # the first one not again, and an empty one at the end
    assert await mailbox.written("desk", "reconciling") == ""
    assert await mailbox.written("desk", "reconciled") == began
    assert said(await mailbox.waiting(oldest[0])) == [f"line for {oldest[1]}"]
    await search.run()
    for address, conversation in known:
        lines = [f"line for {conversation}"] + (["moved"] if conversation == known[1][1] else [])
        assert said(await mailbox.waiting(address)) == lines
    assert float(await mailbox.written("desk", "reconciled")) >= float(began) - 1 > time.time() - 600
