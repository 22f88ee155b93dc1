"""Messages taken back or edited, single facts removed or corrected: what stays known, and what the candidate hears."""
# ruff: noqa: E501  # tables of sentences read better unwrapped

from collections.abc import Callable

import pytest

from app.agents.state import Proposal
from app.recruiting.lexicon import LANGUAGES
from app.recruiting.phrases import phrases
from tests.agents.test_interruptions import FILLED, OPENING, key_said, play
from tests.fixtures.agents import Talk, Tap

Start = Callable[..., Talk]


def source(talk: Talk, field: str) -> str:
    """Id of the message that a fact rests on."""
    return str(next(fact["message_id"] for fact in talk.facts if fact["field"] == field))


async def unsend(talk: Talk, field: str) -> Proposal:
    return await talk.say({"kind": "revoke", "target_id": source(talk, field)})


async def rewrite(talk: Talk, field: str, text: str) -> Proposal:
    return await talk.say({"kind": "edit", "target_id": source(talk, field), "text": text})


def asked(talk: Talk) -> str:
    return str((talk.intake.get("asked") or {}).get("field", ""))


async def test_a_deleted_message_takes_its_facts_quietly_and_the_gap_is_asked_in_its_turn(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith", "truck driver", "Utrecht"))
    proposal = await unsend(conversation, "city")
    assert (proposal["replies"], conversation.profile.city) == ([], None)
    assert proposal["retract"]
    assert "Taken back with it: city" in proposal["crm"]["note"]
    assert asked(conversation) == "availability"
    await conversation.say("next Monday")
    assert key_said(conversation, "ask_city")


async def test_deleted_and_replaced_words_are_not_quoted_to_a_recruiter_later(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith", "truck driver", "Utrecht"))
    await rewrite(conversation, "role", "bus driver")
    await unsend(conversation, "city")
    note = str((await conversation.say("I want to talk to a person"))["crm"]["note"])
    assert "bus driver" in note
    assert "Utrecht" not in note
    quoted = [line for line in note.splitlines() if line.startswith("> ")]
    assert not any("truck" in line or "Utrecht" in line for line in quoted)


async def test_deleting_before_anybody_looked_is_as_if_it_had_not_been_said(talk: Start) -> None:
    conversation = talk()
    await play(conversation, OPENING)
    gone = {"kind": "text", "message_id": "wamid.gone", "text": "STOP, my name is Anna Smith"}
    proposal = await conversation.say(gone, {"kind": "revoke", "target_id": "wamid.gone"})
    assert (proposal["replies"], conversation.facts, conversation.opted_out) == ([], [], False)
    assert asked(conversation) == "name"


async def test_words_deleted_before_consent_are_not_read_after_it(talk: Start) -> None:
    conversation = talk()
    await conversation.say({"message_id": "wamid.early", "text": "Hi, my name is Anna Smith and I live in Utrecht"})
    await conversation.say({"kind": "revoke", "target_id": "wamid.early"})
    await conversation.say(Tap("v1:intake:open:start", "Start"))
    await play(conversation, ("#consent:yes",))
    assert conversation.facts == []
    assert asked(conversation) == "name"


@pytest.mark.parametrize("tail", [(), ("#review:change",), ("correct",)])
async def test_at_the_end_a_deleted_answer_goes_too_and_is_asked_again_where_something_is_open(
    talk: Start, tail: tuple[str, ...]
) -> None:
    conversation = talk()
    await play(conversation, (*FILLED, *tail))
    stage = conversation.intake["stage"]
    source_id = "wamid.6"
    proposal = await conversation.say({"kind": "revoke", "target_id": source_id})
    assert conversation.profile.city is None
    if stage == "review":
        assert key_said(conversation, "ask_city")
    else:
        assert proposal["replies"] == []
        assert "city" in proposal["crm"]["note"]
    if stage == "change":
        await conversation.say("correct")
        assert key_said(conversation, "ask_city"), "nothing is confirmed that is no longer there"


async def test_beside_a_person_and_after_stop_deleted_and_edited_words_are_heard_in_silence(talk: Start) -> None:
    for words in ("I want to talk to a person", "STOP"):
        conversation = talk()
        await play(conversation, (*OPENING, "Anna Smith", "truck driver", "Utrecht", words))
        assert (await unsend(conversation, "city"))["replies"] == []
        assert conversation.profile.city is None
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith", "truck driver", "Utrecht", "I want to talk to a person"))
    assert (await rewrite(conversation, "city", "Delft"))["replies"] == []
    assert conversation.profile.city == "Delft"
    proposal = await conversation.say("please remove my name")
    assert (proposal["replies"], conversation.profile.name) == ([], None)
    assert "removed: name" in proposal["crm"]["note"]


async def test_an_edited_answer_answers_what_it_answered_before(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith", "truck driver", "Utrecht"))
    await rewrite(conversation, "city", "Delft")
    assert conversation.profile.city == "Delft"
    assert key_said(conversation, "updated")
    assert "correct?" not in conversation.said
    assert key_said(conversation, "ask_availability")
    assert conversation.intake["asked"].get("attempts", 0) == 0
    first = conversation.facts[-1]["message_id"]
    # WhatsApp names the first message again when an edited one is edited or deleted.
    await conversation.say({"kind": "edit", "target_id": "wamid.6", "text": "Leiden"})
    assert (conversation.profile.city, conversation.facts[-1]["message_id"] != first) == ("Leiden", True)
    await conversation.say({"kind": "revoke", "target_id": "wamid.6"})
    assert conversation.profile.city is None


async def test_an_edit_that_changes_no_value_bothers_nobody(talk: Start) -> None:
    conversation = talk()
    await play(conversation, FILLED)
    proposal = await rewrite(conversation, "languages.en", "English C1!")
    assert (proposal["replies"], conversation.profile.languages) == ([], {"en": "C1"})
    assert source(conversation, "languages.en") == "wamid.10"
    assert conversation.unproven() == []
    await conversation.say("correct")
    assert conversation.intake["stage"] == "done"


async def test_an_answer_edited_while_its_question_is_still_open_is_read(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "12345"))
    await conversation.say({"kind": "edit", "target_id": "wamid.4", "text": "Anna Smith"})
    assert conversation.profile.name == "Anna Smith"


REMOVE_CITY = {
    "en": "please delete my city", "nl": "verwijder mijn woonplaats", "de": "bitte löschen Sie meinen Wohnort", "pl": "usuń moje miasto",
    "es": "borra mi ciudad", "ro": "ștergeți orașul meu", "uk": "видаліть моє місто", "ar": "احذف مدينتي",
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("lines", [FILLED[:6], FILLED, (*FILLED, "correct")], ids=["profile", "review", "done"])
async def test_one_fact_is_removed_in_a_sentence_and_not_asked_again(
    talk: Start, language: str, lines: tuple[str, ...]
) -> None:
    conversation = talk()
    await play(conversation, lines)
    open_before, stage = asked(conversation), conversation.intake["stage"]
    proposal = await conversation.say(REMOVE_CITY[language])
    assert proposal["handoff"] is None
    assert conversation.profile.city is None
    assert conversation.profile.name == "Anna Smith"
    assert phrases(conversation.language or "en").texts["removed"].partition("{")[0].strip() in conversation.said
    assert (asked(conversation), conversation.intake["stage"]) == (open_before, stage)
    assert "city" in conversation.intake["skipped"]


async def test_the_open_questions_own_field_stays_asked_and_unknown_things_are_said_so(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith", "truck driver"))
    await conversation.say("delete my city")
    assert key_said(conversation, "removed_nothing")
    assert key_said(conversation, "ask_city")
    await conversation.say("Utrecht")
    assert conversation.profile.city == "Utrecht"


async def test_a_language_is_removed_with_its_level_by_its_name(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*FILLED[:7], "English C1 and Polish B2"))
    await conversation.say("remove Polish")
    assert conversation.profile.languages == {"en": "C1"}
    assert key_said(conversation, "ask_licences")


async def test_erasing_everything_still_goes_to_a_person(talk: Start) -> None:
    conversation = talk()
    await play(conversation, FILLED)
    proposal = await conversation.say("delete my city and all my data")
    assert proposal["handoff"] is not None
    assert proposal["handoff"]["reason"] == "delete"


CORRECT_NAME = {
    "en": "my name is not Anna but Hanna", "nl": "ik heet niet Anna maar Hanna", "de": "Mein Name ist nicht Anna, sondern Hanna",
    "pl": "nazywam się nie Anna, tylko Hanna", "es": "no me llamo Anna sino Hanna", "ro": "nu mă numesc Anna, ci Hanna",
    "uk": "мене звати не Anna, а Hanna", "ar": "اسمي ليس Anna بل Hanna",
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("turns", [5, 6, 9, 10])
async def test_a_correction_replaces_the_value_at_once_at_any_time(talk: Start, language: str, turns: int) -> None:
    conversation = talk()
    await play(conversation, (*FILLED, "correct")[:turns])
    open_before = asked(conversation)
    await conversation.say(CORRECT_NAME[language])
    assert conversation.profile.name == "Hanna"
    assert asked(conversation) == open_before
    assert "Hanna" in conversation.said
    assert conversation.profile.role == ("truck driver" if turns > 4 else None)
    assert conversation.unproven() == []


async def test_a_field_that_is_only_called_wrong_is_asked_for_and_can_be_removed_by_tap(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith", "truck driver", "Utrecht"))
    await conversation.say("my city is wrong")
    assert key_said(conversation, "ask_city")
    await conversation.say(conversation.tap("remove:city"))
    assert "city" not in {fact["field"] for fact in conversation.facts}
    assert key_said(conversation, "ask_availability")
    await play(conversation, ("next Monday", "English C1", "B", "#review:change", "town"))
    assert key_said(conversation, "ask_city"), "named instead of tapped"
    await conversation.say("Delft")
    assert conversation.profile.city == "Delft"
    assert key_said(conversation, "review")


async def test_what_is_known_comes_with_taps_and_the_open_question_stands(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith", "truck driver", "what do you know about me?"))
    assert key_said(conversation, "known")
    assert key_said(conversation, "ask_city")
    await conversation.say(conversation.tap("review:correct"))
    assert key_said(conversation, "ask_city")
    assert conversation.intake["asked"].get("attempts", 0) == 0
    await play(conversation, ("what do you know about me?", "#review:change"))
    assert key_said(conversation, "change_which")
    await play(conversation, ("#change:name", "Hanna Bell"))
    assert conversation.profile.name == "Hanna Bell"
    assert key_said(conversation, "ask_city")
    await play(conversation, ("what do you know about me?", "Utrecht"))
    assert conversation.profile.city == "Utrecht"


async def test_what_is_known_at_the_end_can_be_confirmed_or_changed(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*FILLED, "correct", "what do you know about me?"))
    assert key_said(conversation, "known")
    await conversation.say(conversation.tap("review:correct"))
    assert key_said(conversation, "done_already")
    await play(conversation, ("what do you know about me?", "#review:change", "#change:city", "Delft"))
    assert (conversation.profile.city, conversation.intake["stage"]) == ("Delft", "review")


@pytest.mark.parametrize("emoji", ["👍", "❤️", ""])
@pytest.mark.parametrize("turns", [1, 2, 9])
async def test_no_reaction_consents_starts_or_confirms(talk: Start, turns: int, emoji: str) -> None:
    conversation = talk()
    await play(conversation, FILLED[:turns])
    before = (conversation.intake["stage"], conversation.consents, asked(conversation))
    proposal = await conversation.say({"kind": "reaction", "emoji": emoji, "target_id": "out-1-0"})
    assert proposal["replies"] == []
    assert (conversation.intake["stage"], conversation.consents, asked(conversation)) == before
