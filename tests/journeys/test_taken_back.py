"""A candidate deletes and edits messages on the phone: webhook, mailbox, turn, record and Chatwoot follow."""

from collections.abc import AsyncIterator

import pytest

from tests.fixtures.stack import Phone, Stack, until_true
from tests.understanding.test_embeddings import agreed
from tests.understanding.test_files import notes


@pytest.fixture
async def linked(desk: Stack) -> AsyncIterator[Stack]:
    """A number that is also on the WhatsApp Business app: only there WhatsApp announces edits and deletions."""
    await desk.whatsapp_http.patch("/_twin/settings", json={"coexistence": True})
    yield desk
    await desk.whatsapp_http.patch("/_twin/settings", json={"coexistence": False})


async def cities(phone: Phone) -> list[object]:
    return [fact.value["city"] for fact in (await phone.view()).facts if fact.field == "city"]


async def until_cities(phone: Phone, wanted: list[str]) -> None:
    async def so() -> bool:
        return await cities(phone) == wanted

    await until_true(so, what=f"the record to hold {wanted}")


async def town_in_chatwoot(desk: Stack, phone: Phone, wanted: object) -> None:
    async def so() -> bool:
        contact = (await phone.view()).chatwoot.contact_id
        return desk.chatwoot.store.state.contacts[contact].custom_attributes.get("town") == wanted

    await until_true(so, what=f"Chatwoot to show {wanted!r} as the town", seconds=20)


async def test_what_is_deleted_or_edited_on_the_phone_leaves_the_profile(linked: Stack) -> None:
    phone = await agreed(linked)
    for line in ("Anna Smith", "truck driver"):
        await phone.exchange(line)
    before = len(await phone.replies())
    answer = await phone.say("Utrecht")
    await phone.until_said(before + 1)
    await until_cities(phone, ["Utrecht"])
    await town_in_chatwoot(linked, phone, "Utrecht")

    edited = await phone.exchange("Delft", type="edit", message_id=answer["id"])
    assert "Delft" in edited["text"]
    await until_cities(phone, ["Delft"])

    said = len(await phone.replies())
    await phone.say(type="revoke", message_id=answer["id"])
    await until_cities(phone, [])
    await notes(linked, phone, "Taken back with it: city")
    await town_in_chatwoot(linked, phone, None)
    assert len(await phone.replies()) == said, "a deleted message is followed in silence"

    onwards = await phone.exchange("next Monday")
    assert "town" in onwards["text"], "the gap is asked in its turn"


async def test_beside_a_recruiter_deleted_and_edited_words_are_followed_in_silence(linked: Stack) -> None:
    phone = await agreed(linked)
    await phone.exchange("Anna Smith")
    answer = await phone.say("I live in Utrecht")
    await until_cities(phone, ["Utrecht"])
    conversation = (await phone.view()).chatwoot.conversation_id
    await linked.recruiter(conversation, content="Hello, I take over.")

    async def led() -> bool:
        return (await phone.view()).owner == "human"

    await until_true(led, what="the recruiter to lead")
    edited = await phone.say("I live in Delft", type="edit", message_id=answer["id"])
    assert edited["id"]
    await until_cities(phone, ["Delft"])
    said = len(await phone.replies())
    await phone.say(type="revoke", message_id=answer["id"])
    await until_cities(phone, [])
    assert len(await phone.replies()) == said
    assert (await phone.view()).owner == "human"
