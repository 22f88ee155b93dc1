"""A person answers a candidate in the WhatsApp Business app, on the phone that has our number as well."""

import hashlib
import hmac
import time
import uuid

import httpx
import orjson
from redis.asyncio import Redis

from app.channels.whatsapp_inbound import address_of
from app.database.conversations import Owner
from app.mailbox.keys import DUE
from tests.chatwoot.interleaving_world import until_idle
from tests.chatwoot.test_ownership import act, until_owned
from tests.chatwoot.test_towards_candidates import met
from tests.faults.test_takeover import status_is
from tests.fixtures.stack import NUMBER_ID, Stack, until_true
from tests.fixtures.twins import D360_SECRET

ROSA = "Rosa here, from my phone"


async def written(desk: Stack, to: dict[str, str], **content: object) -> None:
    """As Meta tells it: https://developers.facebook.com, webhooks reference, smb_message_echoes."""
    echo = {
        "from": "15550783881",
        **to,
        "id": f"wamid.{uuid.uuid4().hex}",
        "timestamp": str(int(time.time())),
        **(content or {"type": "text", "text": {"body": ROSA}}),
    }
    metadata = {"display_phone_number": "15550783881", "phone_number_id": NUMBER_ID}
    value = {"messaging_product": "whatsapp", "metadata": metadata, "message_echoes": [echo]}
    change = {"field": "smb_message_echoes", "value": value}
    body = orjson.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]})
    signature = hmac.new(D360_SECRET.encode(), body, hashlib.sha256).hexdigest()
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(2):  # delivered twice
            answer = await client.post(
                f"{desk.processes[0].url}/webhooks/360dialog",
                content=body,
                headers={"x-360dialog-signature": signature},
            )
            assert answer.status_code == 200


async def test_it_takes_the_conversation_and_is_shown_to_recruiters_as_a_persons(desk: Stack) -> None:
    phone, conversation = await met(desk)
    said = len(await phone.replies())
    await written(desk, {"to": phone.number}, type="reaction", reaction={"message_id": "wamid.x", "emoji": "👍"})
    await until_idle(desk, phone)
    assert (await phone.view()).owner is Owner.ASSISTANT  # a thumb is no word
    await written(desk, {"to": phone.number})
    await until_owned(phone, Owner.HUMAN)
    assert (await phone.view()).owner_reason == "app_wrote"
    await until_true(lambda: status_is(desk, conversation, "open"), what="the conversation to be open")
    await phone.say("Thank you!")
    await until_idle(desk, phone)
    assert len(await phone.replies()) == said  # the phone has Rosa's words already; nothing of ours comes behind them
    shown = [each for each in desk.shown_in_chatwoot(conversation) if "Rosa here" in (each.content or "")]
    assert [(each.message_type, each.private, each.sender_type) for each in shown] == [("outgoing", False, "User")]
    lines = [(line.author, line.text) for line in (await phone.view()).transcript]
    assert lines.count(("human", ROSA)) == 1
    await act(desk, conversation, status="pending")
    await until_owned(phone, Owner.ASSISTANT)


async def test_a_candidate_known_by_another_id_is_found_and_a_stranger_is_left_alone(desk: Stack) -> None:
    bsuid = f"NL.{uuid.uuid4().hex}"
    phone = await desk.candidate(bsuid=bsuid)
    await phone.exchange("Hello, I am looking for work")
    known = address_of(NUMBER_ID, bsuid)

    async def owner() -> Owner | None:
        view = await desk.record.conversations.view(address=known)
        return view.owner if view else None

    assert await owner() is Owner.ASSISTANT
    await written(desk, {"to": phone.number})

    async def taken() -> bool:
        return await owner() is Owner.HUMAN

    await until_true(taken, what="the conversation to be taken")
    stranger = f"316{uuid.uuid4().int % 10**8:08d}"
    await written(desk, {"to": stranger})
    async with Redis.from_url(desk.redis.url) as redis:

        async def handled() -> bool:
            return await redis.zscore(DUE, address_of(NUMBER_ID, stranger)) is None

        await until_true(handled, what="the stranger's mailbox to be emptied")
    assert await desk.record.conversations.find(address_of(NUMBER_ID, stranger)) is None
