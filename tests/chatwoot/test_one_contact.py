"""A person met twice, by number and by business-scoped id, is one contact for recruiters once we know."""

import uuid

from app.channels.chatwoot import Chatwoot
from app.channels.whatsapp_inbound import address_of
from tests.faults.test_takeover import in_chatwoot
from tests.fixtures.stack import NUMBER_ID, Phone, Stack, until_true
from tests.fixtures.twins import ChatwootRun
from tests.journeys.test_many_at_once import body_of, post, text


async def test_two_contacts_become_one_when_a_message_shows_that_they_are_one_person(desk: Stack) -> None:
    phone = await desk.candidate("Anna")
    bsuid = f"NL.{uuid.uuid4().int % 10**15}"
    answer = await desk.whatsapp_http.post("/_twin/candidates", json={"id": bsuid, "bsuid": bsuid, "name": "Anna"})
    assert answer.is_success, answer.text
    await phone.exchange("Hello, I am looking for work")
    await Phone(desk, bsuid).exchange("Good morning, I am looking for work")
    kept = (await in_chatwoot(desk, phone)).chatwoot

    async def second() -> bool:
        view = await desk.record.conversations.view(address=address_of(NUMBER_ID, bsuid))
        return view is not None and bool(view.chatwoot.contact_id)

    await until_true(second, what="the second contact")
    other = await desk.record.conversations.view(address=address_of(NUMBER_ID, bsuid))
    assert other is not None
    assert other.chatwoot.contact_id != kept.contact_id

    both = text(phone.number, "It is me, Anna.") | {"from_user_id": bsuid}
    assert await post(desk.processes[0].url, body_of([both])) == 200

    async def one() -> bool:
        state = desk.chatwoot.store.state
        ours = (kept.conversation_id, other.chatwoot.conversation_id)
        (left, *more) = {state.conversations[number].contact_id for number in ours}
        gone = {kept.contact_id, other.chatwoot.contact_id} - {left}
        return not more and not gone & set(state.contacts)

    await until_true(one, what="one contact with both conversations")


async def test_a_number_that_appears_later_is_on_the_contact(desk: Stack) -> None:
    bsuid, number = f"NL.{uuid.uuid4().int % 10**15}", f"3162{uuid.uuid4().int % 10**7:07}"
    answer = await desk.whatsapp_http.post("/_twin/candidates", json={"id": bsuid, "bsuid": bsuid, "name": "Anna"})
    assert answer.is_success, answer.text
    phone = Phone(desk, bsuid)
    await phone.exchange("Good morning, I am looking for work")
    kept = (await in_chatwoot(desk, phone)).chatwoot
    contact = desk.chatwoot.store.state.contacts[kept.contact_id]
    assert contact.phone_number is None
    both = text(number, "I have a licence.") | {"from_user_id": bsuid}
    assert await post(desk.processes[0].url, body_of([both])) == 200

    async def known() -> bool:
        return contact.phone_number == f"+{number}"

    await until_true(known, what="the number on the contact")


async def test_a_candidate_of_an_inbox_that_was_made_anew_stays_one_contact(chatwoot: ChatwootRun) -> None:
    """Of a deleted inbox the contacts stay, and with them the identifiers that must be unique."""
    before = Chatwoot(chatwoot.http, account_id=1, inbox_id=1)
    first = await before.open_desk("wa:1:31612345678", name="Anna", phone="+31612345678")
    fresh = {"name": "new", "lock_to_single_conversation": True, "channel": {"type": "api", "webhook_url": ""}}
    after = Chatwoot(chatwoot.http, account_id=1, inbox_id=(await chatwoot.api("POST", "/inboxes", fresh))["id"])
    second = await after.open_desk("wa:1:31612345678", name="Anna", phone="+31612345678")
    assert second.contact_id == first.contact_id
    assert second.conversation_id != first.conversation_id
    assert await after.open_desk("wa:1:31612345678", name="Anna", phone="+31612345678") == second
