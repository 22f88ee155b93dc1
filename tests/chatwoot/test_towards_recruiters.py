"""What candidates send and what is learnt of them is on the recruiter's screen."""

import time
from collections.abc import AsyncIterator

import pytest

from app.channels.whatsapp_inbound import address_of
from app.local.chatwoot_state import Message
from tests.chatwoot.interleaving_world import until_idle
from tests.chatwoot.test_towards_candidates import met, until_message, until_noted
from tests.faults.test_takeover import in_chatwoot, quiet
from tests.fixtures.stack import NUMBER_ID, Stack, until_true


@pytest.fixture
async def yesterday(desk: Stack) -> AsyncIterator[Stack]:
    """Candidates write as if it were 25 hours ago."""
    await desk.whatsapp_http.post("/_twin/clock", json={"advance": -25 * 3600})
    yield desk
    await desk.whatsapp_http.post("/_twin/clock", json={"advance": 25 * 3600})


async def test_outside_the_window_nothing_is_sent_and_the_recruiter_gets_the_templates(yesterday: Stack) -> None:
    phone = await yesterday.candidate()
    await phone.say("Hello, I am looking for work")

    async def known() -> bool:
        return bool((await yesterday.whatsapp_http.get("/_twin/candidates")).json()) and bool(
            await yesterday.record.conversations.find(address_of(NUMBER_ID, phone.number))
        )

    await until_true(known, what="the conversation")
    conversation = (await in_chatwoot(yesterday, phone)).chatwoot.conversation_id
    began = time.monotonic()
    said = await yesterday.recruiter(conversation, content="Are you still interested?")

    def about_it() -> bool:
        notes = [each for each in yesterday.shown_in_chatwoot(conversation) if each.private]
        return any(each.content_attributes.get("in_reply_to") == said["id"] for each in notes)

    async def noted() -> bool:
        return about_it()

    await until_true(noted, what="a note about the message")
    assert time.monotonic() - began < 4  # 2 s on a machine that does nothing else
    await until_noted(yesterday, conversation, "conversation_follow_up en")
    await until_message(yesterday, said["id"], lambda each: each.status == "failed", "the message to be marked failed")
    assert not [each for each in await phone.replies() if "interested" in each["text"]]


async def test_labels_and_attributes_are_written_once_and_labels_of_recruiters_stay(desk: Stack) -> None:
    phone, conversation = await met(desk)
    kept = desk.chatwoot.store.state.conversations[conversation]

    async def labelled() -> bool:
        return any(label.startswith("stage-") for label in kept.label_list)

    await until_true(labelled, what="our labels")
    await desk.chatwoot_http.patch(
        f"/_twin/conversations/{conversation}", json={"labels": [*kept.label_list, "favourite"]}
    )
    await phone.exchange("I want to talk to a person")
    await until_true(lambda: quiet(desk, phone.number), what="quiet")
    assert "favourite" in kept.label_list
    handed_over = {"favourite", "handoff", "handoff-human", "stage-handoff"}
    assert handed_over <= set(kept.label_list)
    # As long as the person has it: what the candidate says to them moves nothing.
    await phone.say("Hello, I am waiting")
    await until_idle(desk, phone)
    assert handed_over <= set(kept.label_list)
    await desk.recruiter(conversation, content="/bot", private=True)
    await phone.exchange("Hello again")

    async def returned() -> bool:
        return handed_over & set(kept.label_list) == {"favourite"}

    await until_true(returned, what="the labels of the handoff to go")
    contact = desk.chatwoot.store.state.contacts[kept.contact_id]
    assert contact.custom_attributes["language"] == "en"


async def test_a_candidates_picture_is_shown(desk: Stack) -> None:
    phone, conversation = await met(desk)
    await phone.say(type="image", text="my licence")

    async def shown() -> bool:
        return any(each.attachments for each in desk.shown_in_chatwoot(conversation))

    await until_true(shown, what="the picture in Chatwoot")
    (message,) = [each for each in desk.shown_in_chatwoot(conversation) if each.attachments]
    assert message.message_type == "incoming"
    assert message.attachments[0].file_type == "image"


async def test_a_file_that_chatwoot_refuses_takes_no_words_with_it(desk: Stack) -> None:
    phone, conversation = await met(desk)
    refused = {"on": "POST /api/v1/accounts/1/conversations", "match": "attachments", "action": "respond"}
    answer = await desk.chatwoot_http.post("/_twin/faults", json={**refused, "status": 422, "body": {"error": "size"}})
    assert answer.is_success, answer.text
    await phone.say(type="image", text="my licence")

    async def shown() -> bool:
        texts = [each.content or "" for each in desk.shown_in_chatwoot(conversation)]
        return "[image] my licence (Chatwoot did not take the file)" in texts

    await until_true(shown, what="the words without the picture")


async def test_a_candidates_braces_are_shown_and_never_rendered_not_even_in_our_notes(desk: Stack) -> None:
    phone, conversation = await met(desk)
    await phone.say("I want to talk to a person {{contact.name}}")
    note = await until_noted(desk, conversation, "**Handoff: ")
    assert r"contact.name\}\}" in (note.content or "")
    shown = [each.content or "" for each in desk.shown_in_chatwoot(conversation) if each.message_type == "incoming"]
    assert any("contact.name" in each for each in shown)


@pytest.fixture
async def shared_number(desk: Stack) -> AsyncIterator[Stack]:
    """Where the WhatsApp Business app is in use too: edits and deletions are told on such numbers only."""
    await desk.whatsapp_http.patch("/_twin/settings", json={"coexistence": True})
    yield desk
    await desk.whatsapp_http.patch("/_twin/settings", json={"coexistence": False})


async def test_whatever_a_candidate_sends_is_readable(shared_number: Stack) -> None:
    desk = shared_number
    phone, conversation = await met(desk)
    said = await phone.say("I am *sure* of it: https://example.nl/my_cv")
    await phone.say(type="reaction", emoji="👍")
    await phone.say(type="edit", text="I am _not_ sure", message_id=said["id"])
    await phone.say(type="revoke", message_id=said["id"])
    await phone.say(type="location", latitude=52.09, longitude=5.12, name="Work", address="Main street 1")
    await phone.say("31612345678", type="contacts", name="Sam *Lee*")
    await phone.say(type="sticker")

    def shown() -> dict[str, Message]:
        return {each.content or "": each for each in desk.shown_in_chatwoot(conversation)}

    async def all_shown() -> bool:
        return "[sticker]" in shown()

    await until_true(all_shown, what="the sticker")
    first = shown()["I am **sure** of it: https://example.nl/my_cv"]
    assert {"reacted 👍", "📍 Work, Main street 1 (52.09000, 5.12000)"} <= shown().keys()
    assert r"👤 Sam \*Lee\* +31612345678" in shown()
    for about in ("✎ I am _not_ sure", "*deleted a message*"):
        assert shown()[about].content_attributes["in_reply_to"] == first.id
    (asked,) = [each for each in shown() if each.count("▫") == len((await phone.replies())[0]["options"])]
    assert all(f"▫ {option['title']}" in asked for option in (await phone.replies())[0]["options"])
