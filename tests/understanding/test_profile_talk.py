"""What a candidate can see, correct and contradict: the record keeps both values with their dates."""

from app.database.conversations import ConversationView
from app.local.sample_files import pdf
from tests.fixtures.stack import Stack, until_true
from tests.understanding.test_embeddings import agreed
from tests.understanding.test_files import deaf_desk, notes, sent

__all__ = ["deaf_desk"]
CV = "My name is Anna Kok\nI live in Utrecht\nDriving licence: CE"


def values(view: ConversationView, field: str) -> list[object]:
    return [fact.value for fact in view.facts if fact.field == field]


async def test_everything_known_is_listed_when_asked_and_nothing_when_nothing_is_known(deaf_desk: Stack) -> None:
    phone = await agreed(deaf_desk)
    empty = await phone.exchange("what do you know about me?")
    assert "no details" in empty["text"]
    await sent(phone, "document", pdf(CV), "application/pdf", filename="cv.pdf")
    listed = (await phone.exchange("what do you know about me?"))["text"]
    assert all(words in listed for words in ("Anna Kok", "Utrecht", "CE"))


async def test_a_value_that_contradicts_the_cv_is_asked_about_once_and_shown_to_the_recruiter(deaf_desk: Stack) -> None:
    phone = await agreed(deaf_desk)
    await sent(phone, "document", pdf(CV), "application/pdf", filename="cv.pdf")
    asked = await phone.exchange("by the way I live in Rotterdam")
    assert "Rotterdam" in asked["text"]
    assert "correct?" in asked["text"]
    await notes(deaf_desk, phone, "Utrecht")
    await notes(deaf_desk, phone, "Rotterdam")
    before = len(await phone.replies())
    await phone.tap("Correct")
    onwards = (await phone.until_said(before + 1))[before]
    assert "work" in onwards["text"], "the intake goes on with what is missing"
    assert values(await phone.view(), "city") == [{"city": "Rotterdam"}]
    again = await phone.exchange("sorry, I live in Delft")
    assert "correct?" not in again["text"], "asked once"


async def test_a_value_taken_for_wrong_can_be_changed_by_tap(deaf_desk: Stack) -> None:
    phone = await agreed(deaf_desk)
    await sent(phone, "document", pdf(CV), "application/pdf", filename="cv.pdf")
    await phone.exchange("by the way I live in Rotterdam")
    for option in ("Change something", "Town"):
        before = len(await phone.replies())
        await phone.tap(option)
        await phone.until_said(before + 1)
    await phone.exchange("Utrecht")
    assert values(await phone.view(), "city") == [{"city": "Utrecht"}]


async def test_what_is_told_unasked_and_ones_own_card_are_kept_with_their_words_and_shown(deaf_desk: Stack) -> None:
    phone = await agreed(deaf_desk)
    noted = await phone.exchange("I have my own car. I can't work nights")
    assert "own transport" in noted["text"]
    somebody = {"name": {"formatted_name": "Boss"}, "phones": [{"phone": "+31 6 87654321"}]}
    await phone.exchange(type="contacts", contacts=[somebody])
    own = {"name": {"formatted_name": "Anna"}, "phones": [{"phone": f"+{phone.number}"}]}
    own |= {"emails": [{"email": "anna@example.com"}]}
    shown = await phone.exchange(type="contacts", contacts=[own])
    assert "anna@example.com" in shown["text"]
    view = await phone.view()
    assert {fact.field: fact.value for fact in view.facts} == {
        "travel.own_transport": {"own_transport": True},
        "shifts.night": {"kind": "night", "possible": False},
        "phone": {"e164": f"+{phone.number}"},
        "email": {"address": "anna@example.com"},
    }
    texts = {line.message_id: line.text for line in view.transcript}
    assert all(fact.quote in texts[fact.message_id] for fact in view.facts)
    assert not any("87654321" in text for text in texts.values()), "a stranger's number is no part of the talk"

    async def mirrored() -> bool:
        contacts = deaf_desk.chatwoot.store.state.contacts.values()
        return any(contact.custom_attributes.get("email_given") == "anna@example.com" for contact in contacts)

    await until_true(mirrored, what="the address beside the contact in Chatwoot", seconds=20)
