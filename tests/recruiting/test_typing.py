"""Answers as people type them on a phone: misspelt, in dialect, with a word before the town."""

import pytest

from app.recruiting.answers.reading import read_turn
from app.recruiting.said import Said
from tests.recruiting.test_answers import ZONE


def values(text: str, asked: str, language: str) -> dict[str, object]:
    reading = read_turn([Said(message_id="m", text=text, at=1795000000.0)], asked, language, ZONE)
    return {fact.field: next(iter(fact.value.values())) for fact in reading.facts}


LEVELS = [
    ("de", "deutsh c2 und englisch b1", {"de": "C2", "en": "B1"}),
    ("nl", "nederlans c2 en engls b1", {"nl": "C2", "en": "B1"}),
    ("pl", "polski c2, angileski b1", {"pl": "C2", "en": "B1"}),
    ("uk", "українська c2, англійска b1", {"uk": "C2", "en": "B1"}),
    ("ar", "عربي c2 و انكليزي b1", {"ar": "C2", "en": "B1"}),
    ("en", "English level B2", {"en": "B2"}),
    ("en", "around b2", {}),
]


@pytest.mark.parametrize(("language", "text", "levels"), LEVELS)
def test_a_language_is_known_by_its_level_though_misspelt(language: str, text: str, levels: dict[str, str]) -> None:
    found = values(text, "languages", language)
    assert {f.partition(".")[2]: v for f, v in found.items() if f.startswith("language_levels.")} == levels


@pytest.mark.parametrize(
    ("asked", "language", "text", "wanted"),
    [
        ("city", "nl", "ergens bij Breda", "Breda"),
        ("name", "nl", "kben wesley jansen", "wesley jansen"),
        ("city", "ar", "أسكن في أوتريخت وأريد أن أعمل كسائق", "أوتريخت"),
    ],
)
def test_only_the_thing_itself_is_kept(asked: str, language: str, text: str, wanted: str) -> None:
    assert values(text, asked, language)[asked] == wanted


@pytest.mark.parametrize(
    ("language", "text"),
    [("es", "¿Podemos hablar en español, por favor?"), ("en", "Can we talk in English please?")],
)
def test_a_language_wished_for_this_chat_is_not_yet_one_of_the_profile(language: str, text: str) -> None:
    assert values(text, "", language) == {}


def test_a_word_that_is_no_elsewhere_is_a_day_here() -> None:
    assert "availability" in values("nu", "availability", "nl")


@pytest.mark.parametrize("text", ["anything", "anything really", "just anything", "anything is fine"])
def test_any_work_is_open_work(text: str) -> None:
    reading = read_turn([Said(message_id="m", text=text, at=1795000000.0)], "role", "en", ZONE)
    assert [fact.value.get("open") for fact in reading.facts] == [True]
