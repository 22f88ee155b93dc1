"""A candidate is led from hello to a confirmed, consented profile in each language, by the guided engine alone."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from app.recruiting.lexicon import LANGUAGES
from tests.fixtures.agents import Talk

Start = Callable[..., Talk]
MOST_MESSAGES = 12  # of ours until the profile is complete (product §1a)


@dataclass(frozen=True)
class Script:
    """One candidate. Lines that begin with `#` tap the offered choice whose id ends so."""

    lines: tuple[str, ...]
    name: str
    role: str
    city: str
    start: dt.date
    languages: dict[str, str | None]
    licences: tuple[str, ...]


SCRIPTS = {
    "en": Script(
        (
            "Hello, I'm looking for work in a warehouse", "#open:start", "yes", "John Smith", "Leeds", "next monday",
            "English C2 and a little Polish A1", "none", "correct",
        ),
        "John Smith", "warehouse", "Leeds", dt.date(2026, 11, 30), {"en": "C2", "pl": "A1"}, (),
    ),
    "nl": Script(
        (
            "Hoi, ik zoek werk als chauffeur", "#open:start", "ja hoor", "Piet van der Berg", "Den Haag", "per direct",
            "Nederlands en Engels B2", "#level.nl:C2", "B en CE", "klopt",
        ),
        "Piet van der Berg", "chauffeur", "Den Haag", dt.date(2026, 11, 23), {"nl": "C2", "en": "B2"}, ("B", "CE"),
    ),
    "de": Script(
        (
            "Guten Tag, ich suche Arbeit als Lagerarbeiter", "#open:start", "#consent:yes", "Ich heiße Jürgen Müller",
            "Dortmund", "ab dem 1. Dezember", "Deutsch und Englisch B1", "#level.de:C2",
            "Klasse B und Staplerschein", "ja, stimmt",
        ),
        "Jürgen Müller", "Lagerarbeiter", "Dortmund", dt.date(2026, 12, 1), {"de": "C2", "en": "B1"},
        ("B", "forklift"),
    ),
    "pl": Script(
        (
            "Dzień dobry, szukam pracy jako kierowca", "#open:start", "tak, zgadzam się", "Mam na imię Katarzyna",
            "Poznań", "za dwa tygodnie", "polski C2, angielski A2", "kategoria B i C", "Zgadza się",
        ),
        "Katarzyna", "kierowca", "Poznań", dt.date(2026, 12, 7), {"pl": "C2", "en": "A2"}, ("B", "C"),
    ),
    "es": Script(
        (
            "Hola, busco trabajo de camarero", "#open:start", "sí, acepto", "Me llamo José Luis García",
            "Vivo en Valencia", "la próxima semana", "español e inglés B1", "#level.es:C2", "no tengo carnet",
            "correcto",
        ),
        "José Luis García", "camarero", "Valencia", dt.date(2026, 11, 30), {"es": "C2", "en": "B1"}, (),
    ),
    "ro": Script(
        (
            "Bună ziua, caut un loc de muncă ca șofer", "#open:start", "da, sunt de acord", "Mă numesc Ion Popescu",
            "Cluj-Napoca", "peste două săptămâni", "română C2 și engleză A2", "B și CE", "da, totul e corect",
        ),
        "Ion Popescu", "șofer", "Cluj-Napoca", dt.date(2026, 12, 7), {"ro": "C2", "en": "A2"}, ("B", "CE"),
    ),
    "uk": Script(
        (
            "Добрий день, шукаю роботу водієм", "#open:start", "так, згоден", "Мене звати Олена Шевченко", "Львів",
            "через два тижні", "українська C2, польська B1", "категорія B", "так, усе правильно",
        ),
        "Олена Шевченко", "водієм", "Львів", dt.date(2026, 12, 7), {"uk": "C2", "pl": "B1"}, ("B",),
    ),
    "ar": Script(
        (
            "مرحبا، أبحث عن عمل كسائق", "#open:start", "نعم، أوافق", "اسمي سارة الأحمد", "برلين", "بعد أسبوعين",
            "العربية C2 والإنجليزية B1", "رخصة B", "نعم صحيح",
        ),
        "سارة الأحمد", "سائق", "برلين", dt.date(2026, 12, 7), {"ar": "C2", "en": "B1"}, ("B",),
    ),
}  # fmt: skip


async def play(talk: Talk, lines: tuple[str, ...]) -> None:
    """Say the lines, tapping where one begins with `#`."""
    for line in lines:
        await talk.say(talk.tap(line.removeprefix("#")) if line.startswith("#") else line)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_intake_ends_with_a_confirmed_profile_whose_every_fact_is_proven(talk: Start, language: str) -> None:
    script, conversation = SCRIPTS[language], talk()
    await play(conversation, script.lines)
    profile = conversation.profile
    assert conversation.language == language
    assert conversation.intake["stage"] == "done"
    assert (profile.name, profile.role, profile.city) == (script.name, script.role, script.city)
    assert profile.available_from == script.start
    assert profile.languages == script.languages
    assert tuple(profile.licences or ()) == script.licences
    assert conversation.unproven() == []
    assert all(fact["confirmed"] for fact in conversation.facts)
    assert conversation.bot_messages <= MOST_MESSAGES
    assert [consent["granted"] for consent in conversation.consents] == [True]
    assert sum(proposal["rejected_facts"] for proposal in conversation.proposals) == 0


@pytest.mark.parametrize("language", LANGUAGES)
async def test_no_fact_is_stored_before_consent(talk: Start, language: str) -> None:
    script, conversation = SCRIPTS[language], talk()
    for line in script.lines:
        before = list(conversation.consents)
        await play(conversation, (line,))
        assert bool(conversation.facts) <= bool(conversation.consents)
        if not before and conversation.facts:
            assert conversation.consents, "facts came in the very turn of the consent"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_first_message_says_who_that_it_is_an_ai_where_privacy_is_and_how_to_reach_a_person(
    talk: Start, language: str
) -> None:
    conversation = talk()
    await conversation.say(SCRIPTS[language].lines[0])
    said = conversation.said
    assert "Brightwork Staffing" in said
    assert "https://brightwork.example/privacy" in said
    assert any(word in said for word in ("AI", "KI", "IA", "ШІ", "ذكاء اصطناعي"))
    ids = [button["id"] for button in conversation.proposals[-1]["replies"][-1]["buttons"]]
    assert ids == ["v1:intake:open:start", "v1:intake:open:questions", "v1:intake:open:human"]


STOPS = {
    "en": "please stop messaging me", "nl": "stop met appen", "de": "Bitte keine Nachrichten mehr",
    "pl": "proszę nie pisać do mnie więcej", "es": "no me escribáis más", "ro": "nu îmi mai scrieți",
    "uk": "не пишіть мені більше", "ar": "لا ترسلوا لي رسائل",
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("turns", range(9))
async def test_stop_is_obeyed_at_any_stage_with_one_confirmation_then_silence(
    talk: Start, language: str, turns: int
) -> None:
    script, conversation = SCRIPTS[language], talk()
    await play(conversation, script.lines[:turns])
    kept = list(conversation.facts)
    proposal = await conversation.say(STOPS[language])
    assert conversation.opted_out
    assert len(proposal["replies"]) == 1
    assert "buttons" not in proposal["replies"][0]
    for text in ("hello?", "??"):
        assert (await conversation.say(text))["replies"] == []
    assert conversation.facts == kept
    back = await conversation.say("START")
    assert back["opted_out"] is False
    assert back["replies"]


async def test_five_fragments_get_one_reply_that_knows_all_five(talk: Start) -> None:
    conversation = talk()
    await play(conversation, ("Hi there", "#open:start", "yes"))
    proposal = await conversation.say(
        "My name is Anna de Vries", "I live in Utrecht", "looking for a job as a driver", "can start in 2 weeks",
        "I speak Dutch C1 and English B2",
    )  # fmt: skip
    assert len(proposal["replies"]) == 1
    for words in ("Anna de Vries", "Utrecht", "driver", "7 December 2026", "Dutch C1", "English B2"):
        assert words in conversation.said
    assert conversation.intake["asked"]["field"] == "licences"
    assert conversation.unproven() == []


async def test_what_was_said_before_consent_is_read_after_it_and_quotes_the_old_message(talk: Start) -> None:
    conversation = talk()
    await conversation.say("Hi I'm Anna from Utrecht", "I want to work as a truck driver")
    assert conversation.facts == []
    await conversation.say(conversation.tap("open:start"))
    await conversation.say("yes")
    profile = conversation.profile
    assert (profile.name, profile.city, profile.role) == ("Anna", "Utrecht", "truck driver")
    assert {fact["message_id"] for fact in conversation.facts} == {"wamid.1", "wamid.2"}
    assert conversation.unproven() == []
    assert "Anna" in conversation.said


async def test_language_follows_the_candidate_and_facts_stay(talk: Start) -> None:
    conversation = talk()
    await play(conversation, ("Hello, I am looking for a job", "#open:start", "yes", "Anna Kowalska"))
    assert conversation.language == "en"
    await conversation.say("Czy możemy rozmawiać po polsku? Szukam pracy jako kierowca")
    assert conversation.language == "pl"
    assert conversation.profile.role == "kierowca"
    assert "Brightwork" not in conversation.said
    await conversation.say("Poznań")
    assert conversation.language == "pl", "a town does not change the language"
    await conversation.say("ok")
    assert conversation.language == "pl"
    assert conversation.profile.city == "Poznań"


async def test_the_same_turn_gives_the_same_proposal(talk: Start) -> None:
    conversation = talk()
    await play(conversation, ("Hi there", "#open:start"))
    turn = conversation.turn("yes, I am Anna and I speak Dutch B1")
    first = await conversation.graph.ainvoke(turn, context=conversation.context)
    second = await conversation.graph.ainvoke(turn, context=conversation.context)
    assert first["proposal"] == second["proposal"]
