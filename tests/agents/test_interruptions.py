"""What candidates do besides answering: refuse, ask, change their mind, send stickers, fall silent, need a person."""
# ruff: noqa: E501  # tables of sentences read better unwrapped

import dataclasses
from collections.abc import Callable
from dataclasses import replace

import pytest

from app.recruiting.lexicon import LANGUAGES
from app.recruiting.phrases import phrases
from tests.fixtures.agents import Talk, Tap

Start = Callable[..., Talk]
DAY = 86400.0
OPENING = ("Hi there", "#open:start", "yes")
FILLED = (*OPENING, "Anna Smith", "truck driver", "Utrecht", "next Monday", "English C1", "B")


async def play(talk: Talk, lines: tuple[str, ...]) -> None:
    for line in lines:
        await talk.say(talk.tap(line.removeprefix("#")) if line.startswith("#") else line)


def key_said(talk: Talk, key: str) -> bool:
    """The last reply holds the phrase (up to its first placeholder) in the conversation's language."""
    text = phrases(talk.language or "en").texts[key].partition("{")[0].strip()
    return bool(text) and text in talk.said


HUMAN = {
    "en": "I want to talk to a person", "nl": "ik wil een mens spreken", "de": "Ich möchte mit einem Menschen sprechen",
    "pl": "chcę rozmawiać z człowiekiem", "es": "quiero hablar con una persona", "ro": "vreau să vorbesc cu un om",
    "uk": "хочу поговорити з людиною", "ar": "أريد التحدث مع إنسان",
}  # fmt: skip
ERASE = {
    "en": "please delete my data", "nl": "verwijder mijn gegevens", "de": "bitte löschen Sie meine Daten", "pl": "proszę usunąć moje dane",
    "es": "borrad mis datos por favor, eliminad todo mis datos", "ro": "ștergeți datele mele", "uk": "видаліть мої дані", "ar": "احذفوا بياناتي",
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("turns", [0, 2, 4, 9])
async def test_a_person_is_one_sentence_away_at_any_stage(talk: Start, language: str, turns: int) -> None:
    conversation = talk()
    await play(conversation, FILLED[:turns])
    proposal = await conversation.say(HUMAN[language])
    assert proposal["handoff"] is not None
    assert (proposal["handoff"]["reason"], proposal["handoff"]["urgency"]) == ("human", "now")
    assert len(proposal["replies"]) == 1
    assert proposal["crm"]["note"].startswith("**Handoff: human**")
    if turns == 0 or language == "en":
        assert key_said(conversation, "handoff_human")
    assert (await conversation.say("hello?"))["replies"] == [], "a person leads now"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_deletion_request_goes_to_a_person_and_says_so(talk: Start, language: str) -> None:
    conversation = talk()
    proposal = await conversation.say(ERASE[language])
    assert proposal["handoff"] is not None
    assert proposal["handoff"]["reason"] == "delete"
    assert conversation.language == language
    assert key_said(conversation, "handoff_delete")


async def test_the_person_button_of_the_first_message_works(talk: Start) -> None:
    conversation = talk()
    await conversation.say("hello")
    proposal = await conversation.say(conversation.tap("open:human"))
    assert proposal["handoff"] is not None
    assert proposal["handoff"]["reason"] == "human"


async def test_two_failed_clarifications_bring_a_person(talk: Start) -> None:
    conversation = talk()
    await play(conversation, OPENING)
    for _ in range(2):
        proposal = await conversation.say("12345")
        assert proposal["handoff"] is None
        assert key_said(conversation, "again_name")
    proposal = await conversation.say("67890")
    assert proposal["handoff"] is not None
    assert (proposal["handoff"]["reason"], proposal["handoff"]["urgency"]) == ("misunderstanding", "queue")


async def test_a_side_question_is_passed_on_and_costs_no_attempt(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith", "truck driver"))
    for _ in range(4):
        proposal = await conversation.say("How much does it pay?")
        assert proposal["handoff"] is None
        assert key_said(conversation, "question_later")
        assert key_said(conversation, "ask_city")
        assert "How much does it pay?" in proposal["crm"]["note"]
    await conversation.say("Utrecht")
    assert conversation.profile.city == "Utrecht"


async def test_refused_consent_keeps_nothing_and_names_another_way(talk: Start) -> None:
    conversation = talk()
    await play(conversation, ("Hi, I'm Anna from Utrecht", "#open:start", "#consent:no"))
    assert conversation.facts == []
    assert [consent["granted"] for consent in conversation.consents] == [False]
    assert "https://brightwork.example/apply" in conversation.said
    assert conversation.intake["stage"] == "declined"
    await conversation.say("START")
    assert conversation.intake["stage"] == "consent"
    await conversation.say("yes")
    assert [consent["granted"] for consent in conversation.consents] == [False, True]
    assert conversation.profile.name == "Anna"


async def test_consent_names_text_language_message_and_method(talk: Start) -> None:
    conversation = talk()
    await play(conversation, ("Hi", "#open:start"))
    await conversation.say(conversation.tap("consent:yes"))
    (consent,) = conversation.consents
    assert consent["purpose"] == "whatsapp_intake"
    assert consent["method"] == "button:v1:intake:consent:yes"
    assert (consent["language"], consent["message_id"]) == ("en", "wamid.3")
    assert len(consent["text_version"]) == 16


async def test_unclear_answer_to_consent_is_no_consent(talk: Start) -> None:
    conversation = talk()
    await play(conversation, ("Hi", "#open:start"))
    for text in ("maybe", "my name is Anna"):
        proposal = await conversation.say(text)
        assert conversation.consents == []
        assert conversation.facts == []
        assert proposal["handoff"] is None
    assert (await conversation.say("hmm"))["handoff"] is not None


@pytest.mark.parametrize(
    "text",
    [
        "ok, but what for?",
        "Yes, but don't store anything",
        "maybe yes",
        "what happens with my data?",
        "hm ok I guess, no",
    ],
)
async def test_a_yes_with_conditions_or_questions_is_no_consent(talk: Start, text: str) -> None:
    conversation = talk()
    await play(conversation, ("Hi", "#open:start"))
    await conversation.say(text)
    assert conversation.consents == []
    assert conversation.intake["stage"] == "consent"


async def test_questions_button_explains_and_offers_start_again(talk: Start) -> None:
    conversation = talk()
    await conversation.say("hi")
    await conversation.say(conversation.tap("open:questions"))
    assert key_said(conversation, "about")
    await conversation.say(conversation.tap("open:start"))
    assert conversation.intake["stage"] == "consent"


async def test_vague_start_date_is_asked_about_once(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith", "truck driver", "Utrecht"))
    await conversation.say("soon")
    assert key_said(conversation, "probe_availability")
    proposal = await conversation.say("soon, I think")
    assert "soon, I think" in proposal["crm"]["note"], "the recruiter reads the words"
    assert key_said(conversation, "ask_languages"), "and the intake goes on"


async def test_other_date_button_asks_for_the_date(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith", "truck driver", "Utrecht", "#availability:other"))
    assert key_said(conversation, "other_availability")
    await conversation.say("1 December")
    assert str(conversation.profile.available_from) == "2026-12-01"


async def test_any_work_is_asked_about_once_then_kept_as_open(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith", "anything"))
    assert key_said(conversation, "probe_role")
    assert [fact["field"] for fact in conversation.facts] == ["name"]
    await conversation.say("anything is fine")
    assert conversation.facts[-1]["field"] == "role"
    assert conversation.facts[-1]["value"]["open"] is True


async def test_a_question_may_be_skipped(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith", "truck driver", "I'd rather not say"))
    assert conversation.intake["asked"]["field"] == "availability"
    assert conversation.profile.city is None


async def test_a_fact_is_changed_by_button(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*FILLED, "#review:change", "#change:city"))
    before = next(fact for fact in conversation.facts if fact["field"] == "city")
    proposal = await conversation.say("Rotterdam")
    assert before["id"] in proposal["retract"]
    assert conversation.profile.city == "Rotterdam"
    assert key_said(conversation, "review")
    await conversation.say("correct")
    assert conversation.intake["stage"] == "done"
    assert len({fact["field"] for fact in conversation.facts}) == len(conversation.facts)


async def test_a_fact_is_changed_by_text_at_the_read_back(talk: Start) -> None:
    conversation = talk()
    await play(conversation, FILLED)
    await conversation.say("No, I live in Rotterdam")
    assert conversation.profile.city == "Rotterdam"
    assert conversation.intake["stage"] == "review"


async def test_a_corrected_list_replaces_the_old_one(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*FILLED, "#review:change", "#change:languages", "Polish B2 and German A1"))
    assert conversation.profile.languages == {"pl": "B2", "de": "A1"}
    await play(conversation, ("#review:change", "#change:licences", "none"))
    assert conversation.profile.licences == []
    await play(conversation, ("#review:change", "#change:licences", "B and CE"))
    assert conversation.profile.licences == ["B", "CE"]


async def test_what_do_you_know_shows_the_profile_and_nothing_before_consent(talk: Start) -> None:
    conversation = talk()
    await play(conversation, ("Hi, I'm Anna",))
    await conversation.say("what do you know about me?")
    assert key_said(conversation, "nothing_known")
    await play(conversation, ("#open:start", "yes", "truck driver"))
    await conversation.say("what do you know about me?")
    assert key_said(conversation, "known")
    assert "Anna" in conversation.said
    assert "truck driver" in conversation.said


async def test_asked_whether_it_is_a_bot_it_says_yes(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "are you a real person?"))
    assert key_said(conversation, "bot")
    assert key_said(conversation, "ask_name")


async def test_health_is_answered_neutrally_and_not_kept(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith"))
    proposal = await conversation.say("I am pregnant")
    assert key_said(conversation, "sensitive")
    assert key_said(conversation, "ask_role")
    assert conversation.profile.role is None
    assert proposal["handoff"] is None
    assert "pregnant" not in str(proposal["facts"]) + str(proposal["crm"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I want to kill myself", "danger"),
        ("I am 16 years old", "minor"),
        ("I want to complain about discrimination", "complaint"),
    ],
)
@pytest.mark.parametrize("turns", [0, 4])
async def test_danger_youth_and_complaints_go_to_a_person(talk: Start, turns: int, text: str, reason: str) -> None:
    conversation = talk()
    await play(conversation, FILLED[:turns])
    proposal = await conversation.say(text)
    assert proposal["handoff"] is not None
    assert proposal["handoff"]["reason"] == reason
    assert key_said(conversation, f"handoff_{reason}")
    assert proposal["facts"] == []


async def test_stickers_are_explained_once_voice_each_time_then_a_person(talk: Start) -> None:
    conversation = talk()
    await play(conversation, OPENING)
    sticker, voice = {"kind": "sticker"}, {"kind": "voice", "media": {"media_id": "1"}}
    await conversation.say(sticker)
    assert key_said(conversation, "unsupported")
    assert (await conversation.say(sticker))["replies"] == []
    await conversation.say(voice)
    assert key_said(conversation, "please_write")
    await conversation.say(voice)
    proposal = await conversation.say(voice)
    assert proposal["handoff"] is not None


async def test_transcribed_voice_answers_like_text_and_says_so(talk: Start) -> None:
    conversation = talk()
    await play(conversation, OPENING)
    await conversation.say({"kind": "voice", "text": "my name is Anna Smith", "media": {"media_id": "1"}})
    (fact,) = conversation.facts
    assert (fact["value"], fact["source"]) == ({"display": "Anna Smith"}, "voice")


async def test_a_reaction_needs_no_answer(talk: Start) -> None:
    conversation = talk()
    await play(conversation, OPENING)
    asked = conversation.intake["asked"]
    assert (await conversation.say({"kind": "reaction", "emoji": "👍", "target_id": "x"}))["replies"] == []
    assert conversation.intake["asked"] == asked


async def test_a_revoked_message_takes_its_facts_with_it(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith", "truck driver", "Utrecht"))
    source = next(fact["message_id"] for fact in conversation.facts if fact["field"] == "city")
    await conversation.say({"kind": "revoke", "target_id": source})
    assert conversation.profile.city is None
    assert conversation.profile.name == "Anna Smith"


async def test_after_days_a_line_of_recap_and_the_missing_question(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith", "truck driver"))
    conversation.now += 3 * DAY
    await conversation.say("hello, I am back")
    assert key_said(conversation, "resumed")
    assert key_said(conversation, "ask_city")


async def test_given_back_by_a_person_the_assistant_says_so(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith", "I want to talk to a person"))
    assert (await conversation.say("are you there?"))["replies"] == []
    conversation.owner = "assistant"
    await conversation.say("truck driver")
    assert key_said(conversation, "returned")
    assert conversation.profile.role == "truck driver"
    await conversation.say("Utrecht")
    assert not key_said(conversation, "returned")


async def test_stop_counts_while_a_person_leads(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "I want to talk to a person"))
    proposal = await conversation.say("STOP")
    assert proposal["replies"] == []
    assert conversation.opted_out


async def test_a_tap_on_an_old_button_still_means_its_field(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith", "truck driver", "Utrecht", "next Monday"))
    await conversation.say(Tap("v1:intake:availability:now", "Now"))
    assert conversation.profile.immediate
    assert conversation.intake["asked"]["field"] == "languages"
    await conversation.say(Tap("v1:intake:consent:yes", "Yes, I agree"))
    assert len(conversation.consents) == 1
    assert conversation.intake["asked"]["field"] == "languages"


async def test_when_all_is_done_thanks_need_no_sermon(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*FILLED, "correct"))
    assert (await conversation.say("thanks"))["replies"] == []
    conversation.now += 2 * DAY
    await conversation.say("any news from you")
    assert key_said(conversation, "done_already")
    await conversation.say("I live in Rotterdam now")
    assert key_said(conversation, "updated")
    assert conversation.profile.city == "Rotterdam"


async def test_five_levels_are_not_asked(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith", "truck driver", "Utrecht", "next Monday"))
    await conversation.say("English, Dutch, Polish, German and Spanish")
    await play(conversation, ("#level.en:B2", "#level.nl:unsure"))
    assert conversation.intake["asked"]["field"] == "licences"
    assert conversation.profile.languages == {"en": "B2", "nl": None, "pl": None, "de": None, "es": None}


async def test_fluent_is_answered_with_the_list_and_then_left_open(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith", "truck driver", "Utrecht", "next Monday", "fluent English"))
    await conversation.say("very good")
    assert key_said(conversation, "again_level")
    await conversation.say("very very good")
    assert conversation.intake["asked"]["field"] == "licences"


async def test_facts_that_nobody_said_are_rejected_and_counted(talk: Start) -> None:
    conversation = talk()
    await play(conversation, OPENING)
    turn = conversation.turn("Anna Smith")

    class Inventive:
        async def extract(self, _: object) -> dict[str, object]:
            invented = {"field": "city", "value": {"city": "Paris"}, "quote": "Paris", "message_id": "wamid.4"}
            unlawful = {"field": "religion", "value": {"x": "y"}, "quote": "Anna", "message_id": "wamid.4"}
            true = {"field": "name", "value": {"display": "Anna Smith"}, "quote": "Anna Smith", "message_id": "wamid.4"}
            return {"facts": [invented, unlawful, true], "vague": [], "tier": "test", "decision": {}}

    context = dataclasses.replace(conversation.context, extraction=Inventive())  # type: ignore[arg-type]  # it invents
    state = await conversation.graph.ainvoke(turn, context=context)
    assert state["proposal"]["rejected_facts"] == 2
    assert [fact["field"] for fact in state["proposal"]["facts"]] == ["name"]


async def test_a_town_that_a_model_finds_too_vague_is_asked_for_again(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith", "truck driver"))

    class Unsure:
        async def extract(self, _: object) -> dict[str, object]:
            return {"facts": [], "vague": ["city"], "tier": "test", "decision": {}}

    context = replace(conversation.context, extraction=Unsure())  # type: ignore[arg-type]
    state = await conversation.graph.ainvoke(conversation.turn("up near the border"), context=context)
    assert state["proposal"]["intake"]["asked"]["field"] == "city"
    assert len(state["proposal"]["replies"]) == 1


async def test_stop_withdraws_consent_and_start_asks_for_it_again(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith", "truck driver", "STOP"))
    assert [consent["granted"] for consent in conversation.consents] == [True, False]
    await conversation.say("start")
    assert key_said(conversation, "started")
    assert conversation.intake["stage"] == "consent"
    await conversation.say(conversation.tap("consent:yes"))
    assert conversation.intake["asked"]["field"] == "city"
    assert conversation.profile.name == "Anna Smith"
    assert [consent["granted"] for consent in conversation.consents] == [True, False, True]
