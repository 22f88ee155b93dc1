"""The way of a message, end to end: WhatsApp → mailbox → graph → one commit → WhatsApp and Chatwoot."""

from tests.fixtures.stack import Stack


async def test_a_first_message_is_answered_with_who_why_and_that_it_is_a_machine(desk: Stack) -> None:
    phone = await desk.candidate()
    reply = await phone.exchange("Hello, I am looking for work")
    assert reply["text"]
    view = await phone.view()
    assert [line.author for line in view.transcript] == ["candidate", "assistant"]
    assert view.facts == []
