"""The scripted intakes that the README shows, through the whole service, and what they leave behind."""

import asyncio
import re
from pathlib import Path

import pytest
from rich.console import Console

from app.database.conversations import ConversationView
from app.local.phone import run_phone
from tests.fixtures.stack import Phone, Stack, until_true

EXAMPLES = Path(__file__).parents[2] / "examples"


async def numbers(desk: Stack) -> set[str]:
    answer = await desk.whatsapp_http.get("/_twin/candidates")
    return {str(each["wa_id"]) for each in answer.json()}


async def played(desk: Stack, script: str) -> ConversationView:
    """Replay a script on a phone of its own; returns what the record holds once the mirror has caught up."""
    known = await numbers(desk)
    output = Console(record=True, quiet=True)
    code = await asyncio.to_thread(
        run_phone,
        str(desk.whatsapp_http.base_url),
        script=EXAMPLES / script,
        console=output,
    )
    assert code == 0, output.export_text() + desk.logs()
    (number,) = await numbers(desk) - known
    phone = Phone(desk, number)

    async def mirrored() -> bool:
        view = await phone.view()
        return all(row.state not in ("pending", "sending", "uncertain") for row in view.outbox)

    await until_true(mirrored, what="the mirror in Chatwoot", seconds=30)
    return await phone.view()


def quoted(view: ConversationView) -> list[str]:
    """Facts whose quote does not stand in the message that they name."""
    texts = {line.message_id: " ".join(line.text.split()) for line in view.transcript}
    return [fact.field for fact in view.facts if " ".join(fact.quote.split()) not in texts.get(fact.message_id, "")]


@pytest.mark.parametrize(("script", "language"), [("intake-english.txt", "en"), ("intake-dutch.txt", "nl")])
async def test_a_scripted_intake_ends_with_a_consented_profile_that_quotes_its_messages(
    desk: Stack, script: str, language: str
) -> None:
    view = await played(desk, script)
    assert view.language == language
    assert [(consent.purpose, consent.granted) for consent in view.consents][:1] == [("whatsapp_intake", True)]
    assert {fact.field.split(".")[0] for fact in view.facts} >= {
        "name", "role", "city", "availability", "languages", "licences",
    }  # fmt: skip
    assert quoted(view) == []
    consented = next(number for number, line in enumerate(view.transcript) if line.message_id == consent_message(view))
    asked = [line.text for line in view.transcript[:consented] if line.author == "assistant"]
    assert any(re.search(r"\bAI\b|KI|sztuczn", text) for text in asked), asked
    shown = desk.shown_in_chatwoot(view.chatwoot.conversation_id)
    public = [each for each in shown if not each.private]
    said = [line for line in view.transcript if line.author in ("candidate", "assistant")]
    assert len(public) == len(said)
    assert [each.message_type for each in public] == [
        "incoming" if line.author == "candidate" else "outgoing" for line in said
    ]


def consent_message(view: ConversationView) -> str:
    """The message in which consent was given."""
    return next(
        line.message_id for line in view.transcript if line.author == "candidate" and "consent" in line.choice_id
    )


@pytest.mark.parametrize("script", ["stop.txt", "human.txt"])
async def test_the_other_scripts_of_the_readme_hold(desk: Stack, script: str) -> None:
    view = await played(desk, script)
    assert quoted(view) == []
