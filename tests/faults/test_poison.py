"""A message that fails every try: the candidate hears of it, a person takes over, an operator can send it again."""

import pytest

from app.database.conversations import Owner
from app.local.postgres import PostgresServer
from tests.fixtures.stack import running_stack, until_true

pytestmark = pytest.mark.xdist_group("poison")


async def test_a_poisonous_turn_ends_in_a_sentence_and_a_person_not_in_silence(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with running_stack(postgres, tmp_path_factory.mktemp("poison"), WORKER_MODE="off") as stack:
        await stack.serve()
        healthy = await stack.work()
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
