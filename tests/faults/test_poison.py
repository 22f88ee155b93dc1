"""A message that fails every try: the candidate hears of it, a person takes over, an operator can send it again."""

import asyncio

import pytest
from redis.asyncio import Redis

from app.channels.whatsapp_inbound import address_of
from app.database.conversations import Owner
from app.local.postgres import PostgresServer
from app.mailbox.mailbox import Mailbox
from tests.fixtures.stack import CHATWOOT_TOKEN, NUMBER_ID, running_stack, until_true

pytestmark = pytest.mark.xdist_group("poison")


async def test_a_poisonous_turn_ends_in_a_sentence_and_a_person_not_in_silence(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with running_stack(
        postgres, tmp_path_factory.mktemp("poison"), WORKER_MODE="off", CHATWOOT_TEAM_ID="1"
    ) as stack:
        await stack.serve()
        healthy = await stack.work()
        token, team = {"api_access_token": CHATWOOT_TOKEN}, {"team": {"name": "recruitment"}}
        made = await stack.chatwoot_http.post("/api/v1/accounts/1/teams", json=team, headers=token)
        assert made.json()["id"] == 1
        phone = await stack.candidate()
        await phone.exchange("Hello, I am looking for work")
        await healthy.kill()
        await stack.work("tests.faults.poisoned")
        await phone.say("I am a driver")
        replies = await phone.until_said(2, seconds=60)
        assert "went wrong on our side" in replies[1]["text"]

        async def taken_over() -> bool:
            view = await phone.view()
            conversation = stack.chatwoot.store.state.conversations[view.chatwoot.conversation_id]
            return view.owner is Owner.HUMAN and conversation.status == "open"

        await until_true(taken_over, what="a person to own the conversation")
        shown = stack.shown_in_chatwoot((await phone.view()).chatwoot.conversation_id)
        assert any(each.private and "dead letter" in (each.content or "") for each in shown)
        kept = stack.chatwoot.store.state.conversations[(await phone.view()).chatwoot.conversation_id]

        async def labelled() -> bool:
            return {"handoff", "handoff-technical", "lang-en"} <= set(kept.label_list) and kept.team_id == 1

        await until_true(labelled, what="the labels and the team of a handoff")


async def test_a_worker_that_dies_between_parking_and_apologising_leaves_the_apology_to_the_next(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with running_stack(postgres, tmp_path_factory.mktemp("unanswered"), WORKER_MODE="off") as stack:
        await stack.serve()
        healthy = await stack.work()
        phone = await stack.candidate()
        await phone.exchange("Hello, I am looking for work")
        await healthy.kill()
        await phone.say("I am a driver")
        address = address_of(NUMBER_ID, phone.number)
        redis = Redis.from_url(stack.redis.url)
        mailbox = Mailbox(redis, lease_seconds=1)

        async def parked() -> bool:
            taken = await mailbox.take(address)
            if taken.lease is not None:
                await mailbox.release(taken.lease, counts=True)
            return taken.parked > 0

        await until_true(parked, what="the events to fail every try and be parked")
        assert [letter.address for letter in await mailbox.letters.unanswered(10)] == [address]
        # Two at once: the apology is one all the same.
        await asyncio.gather(stack.work(), stack.work())
        replies = await phone.until_said(2, seconds=60)
        assert "went wrong on our side" in replies[1]["text"]

        async def answered() -> bool:
            return await mailbox.letters.unanswered(10) == []

        await until_true(answered, what="the letter to count as answered")
        notes = [line for line in (await phone.view()).outbox if "dead letter" in str(line.body)]
        assert len(notes) == 1
        assert len(await phone.replies()) == 2
        assert [letter.address for letter in await mailbox.letters.listed(10)] == [address]
        await redis.aclose()
