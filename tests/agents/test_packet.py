"""The handoff packet: a recruiter reads it and can go on without scrolling back."""

import re

from app.agents.state import TranscriptLine
from tests.agents.test_interruptions import FILLED, HUMAN, Start, play


async def test_a_handoff_in_the_middle_of_the_intake_tells_all_that_is_needed(talk: Start) -> None:
    conversation = talk()
    await play(conversation, FILLED[:5])
    proposal = await conversation.say("I can start on 4 January. " + HUMAN["en"])
    note = proposal["crm"]["note"]
    assert note is not None
    heads = re.findall(r"^\*\*([^*:]+)", note, re.MULTILINE)
    assert heads[0] == "Handoff"
    assert set(heads[1:]) >= {"What is known", "Open question", "Suggested reply", "Language", "Reply window until"}
    known = note.partition("**What is known**")[2].partition("**New in the profile")[0].strip().splitlines()
    assert 3 <= len(known) <= 5
    assert "Consent to the chat: given" in note
    quotes = [line for line in note.splitlines() if line.startswith("> ")]
    assert len(quotes) == 3
    assert quotes[-1].endswith(HUMAN["en"])
    assert re.search(r"\*\*Reply window until:\*\* \w{3} \d\d \w{3} \d\d:\d\d \(Europe/Amsterdam\)", note)


async def test_somebody_in_danger_gets_no_ready_made_sentence_from_a_recruiter(talk: Start) -> None:
    proposal = await talk().say("I want to kill myself")
    assert proposal["handoff"] is not None
    assert proposal["handoff"]["reason"] == "danger"
    assert "Suggested reply" not in (proposal["crm"]["note"] or "")


async def test_what_is_new_is_what_no_person_has_seen(talk: Start) -> None:
    conversation = talk()
    await play(conversation, FILLED[:5])
    first = (await conversation.say(HUMAN["en"]))["crm"]["note"] or ""
    assert "**New in the profile**\n- Name: Anna Smith\n- Work: truck driver\n**Open" in first
    assert "not given" not in first
    conversation.facts = [fact | {"at": conversation.now} for fact in conversation.facts]
    conversation.now += 60
    said = TranscriptLine(
        message_id="cw:1", author="human", kind="text", text="Rosa here", choice_id="", at=conversation.now
    )
    conversation.transcript.append(said)
    conversation.owner = "assistant"
    await conversation.say("Utrecht")
    second = (await conversation.say(HUMAN["en"]))["crm"]["note"] or ""
    assert "**New in the profile**\n- Town: Utrecht\n**Open" in second


async def test_it_is_five_lines_however_much_was_told_and_quotes_are_no_markup(talk: Start) -> None:
    conversation = talk()
    await play(conversation, FILLED)
    await conversation.say("I want to work 32 hours a week and I have my own car")
    proposal = await conversation.say("*Now* I want to talk to a [person](https://evil.example)")
    note = proposal["crm"]["note"]
    assert note is not None
    known = note.partition("**What is known**")[2].partition("**New in the profile")[0].strip().splitlines()
    assert len(known) == 5
    assert "> \\*Now\\* I want to talk to a \\[person\\](https://evil.example)" in note.splitlines()
