"""What candidates tell without being asked, through the graph of the guided tier: kept, shown, never asked for."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.fixtures.agents import Talk, Tap

Start = Callable[..., Talk]
OPENING = ("hello", "#open:start", "#consent:yes")
REST = ("Anna Smith", "truck driver", "Utrecht", "#availability:now", "English C1", "#licences:none")


async def play(talk: Talk, lines: tuple[str, ...]) -> None:
    for line in lines:
        await talk.say(talk.tap(line.removeprefix("#")) if line.startswith("#") else line)


def told(talk: Talk) -> dict[str, dict[str, Any]]:
    asked = {"name", "role", "city", "availability", "languages", "language_levels", "licences"}
    return {fact["field"]: fact["value"] for fact in talk.facts if fact["field"].partition(".")[0] not in asked}


def card(**fields: Any) -> dict[str, Any]:
    return {"kind": "contacts", "contacts": [{"name": "Anna Smith", **fields}]}


async def test_what_is_told_on_the_way_is_noted_kept_and_read_back(talk: Start) -> None:
    conversation = talk(country="NL")
    await play(conversation, OPENING)
    await conversation.say("I have my own car. I can't work nights")
    assert "Noted" in conversation.said
    assert conversation.intake["asked"] == {"field": "name"}, "the question stands, and cost no attempt"
    await play(conversation, ("Anna Smith", "truck driver"))
    await conversation.say("Utrecht. My number is 06 12345678. I want at least 16 euro per hour")
    await play(conversation, REST[3:])
    assert conversation.intake["stage"] == "review"
    for line in ("Travel: own transport", "Shifts: no night", "Phone: +31 6 12345678", "Pay wished for: at least €16"):
        assert line in conversation.said, conversation.said
    await conversation.say(conversation.tap("review:correct"))
    assert told(conversation) == {
        "travel.own_transport": {"own_transport": True},
        "shifts.night": {"kind": "night", "possible": False},
        "phone": {"e164": "+31612345678"},
        "salary_expectation": {"min": 16, "currency": "EUR", "period": "hour"},
    }
    assert conversation.unproven() == []
    assert all(fact["confirmed"] for fact in conversation.facts)
    crm = conversation.proposals[-1]["crm"]
    assert crm["attributes"]["phone_given"] == "+31 6 12345678"
    assert "Travel: own transport" in (crm["note"] or "")


async def test_nothing_of_it_is_asked_and_none_of_it_is_needed(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, *REST, "#review:correct"))
    assert conversation.intake["stage"] == "done"
    assert told(conversation) == {}


async def test_what_is_known_is_listed_when_asked_for(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith", "anna@example.com"))
    await conversation.say("what do you know about me?")
    assert "E-mail: anna@example.com" in conversation.said


async def test_health_and_former_pay_become_no_fact_in_any_words(talk: Start) -> None:
    conversation = talk()
    await play(conversation, OPENING)
    for line in (
        "because of my epilepsy I can't work nights",
        "I earned 14 euro per hour in my last job",
        "my wife has a car and her number is +31612345678",
    ):
        await conversation.say(line)
    assert told(conversation) == {}


async def test_a_value_that_rules_cannot_derive_is_asked_about_once_and_not_again(talk: Start) -> None:
    """A model's guess at a date: not stored, counted, one clarifying question, then a recruiter reads the words."""
    conversation = talk()
    await play(conversation, (*OPENING, *REST[:3]))

    class Guessing:
        async def extract(self, turn: Any) -> dict[str, Any]:
            at = {"message_id": turn["inbound"][-1]["message_id"], "quote": turn["inbound"][-1]["text"]}
            guess = {"field": "availability", "value": {"from": "2027-02-14"}, **at}
            phone = {"field": "phone", "value": {"e164": "+31612345678"}, **at}
            return {"facts": [guess, phone], "vague": [], "tier": "test", "decision": {}}

    conversation.context = replace(conversation.context, extraction=Guessing())  # type: ignore[arg-type]
    proposal = await conversation.say("when the big flower parade is over")
    assert proposal["facts"] == []
    assert proposal["decision"]["rejected_reasons"] == {"undecided": 2}
    assert "first possible" in conversation.said
    assert conversation.intake["asked"] == {"field": "availability", "probed": True}
    proposal = await conversation.say("after the other parade, that one")
    assert "first possible" not in conversation.said
    assert conversation.intake["asked"]["field"] == "languages"
    assert "after the other parade" in str(proposal["crm"]["note"])


async def test_ones_own_card_gives_number_and_address_and_nobody_elses_does(talk: Start) -> None:
    conversation = talk(country="NL", wa_id="31612345678")
    await play(conversation, (*OPENING, "Anna Smith"))
    await conversation.say(card(name="Boss", phones=["+31 6 87654321"], emails=["boss@example.com"]))
    assert told(conversation) == {}
    assert "cannot read this kind" in conversation.said
    await conversation.say(card(phones=["06 12345678"], emails=["anna@example.com"]))
    assert told(conversation) == {"phone": {"e164": "+31612345678"}, "email": {"address": "anna@example.com"}}
    assert conversation.unproven() == [], "the transcript holds the card's words"
    assert conversation.profile.name == "Anna Smith"


async def test_without_a_known_number_a_card_counts_only_if_it_is_called_ones_own(talk: Start) -> None:
    shared = card(phones=["+31 6 12345678"])
    for words, fields in (("this is my number", {"phone"}), ("my wife's number", set()), ("is this my number?", set())):
        conversation = talk()
        await play(conversation, (*OPENING, "Anna Smith"))
        await conversation.say(words, shared)
        assert told(conversation).keys() == fields, words
    conversation = talk()
    await play(conversation, (*OPENING, "Anna Smith"))
    await conversation.say(shared)
    assert told(conversation) == {}


async def test_voice_is_marked_at_the_read_back(talk: Start) -> None:
    conversation = talk()
    await play(conversation, (*OPENING, *REST[:2]))
    await conversation.say({"kind": "voice", "text": "I live in Utrecht and I have my own car"})
    await play(conversation, REST[3:])
    assert "Town: Utrecht (please check)" in conversation.said
    assert "Travel: own transport (please check)" in conversation.said
    assert "Name: Anna Smith\n" in conversation.said
    assert isinstance(conversation.tap("review:correct"), Tap)
