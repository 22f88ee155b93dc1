"""What we say: complete in every language, within WhatsApp's limits, short, and never a forbidden question."""
# ruff: noqa: E501  # tables of sentences read better unwrapped

import re
import string

import pytest

from app.recruiting.intake import Decision, Intake, Line, Question
from app.recruiting.lexicon import LANGUAGES
from app.recruiting.phrases import BODY, BUTTON, BUTTONS, DESCRIPTION, ROW, ROWS, Phrasebook, compose, phrases
from app.recruiting.profile import Fact, Field
from tests.fixtures.agents import COMPANY

SHORT = 300  # characters (product §1f)
PARAMS = {
    "items": "", "name": "Anna", "language": "English", "when": "Monday 1 December, 11:00",
    "title": "Warehouse operator", "task": "You pick orders.", "place": "Utrecht, early shift.", "pay": "€14.50 per hour",
    "labels": "Town", "interview": "Warehouse\nTuesday 8 December, 10:00-10:30\nUtrecht", "zone": "Netherlands Time",
    "item": "CE (Truck with trailer)",
    "answer": "Travel costs are paid.",
}  # fmt: skip
BOOK = Phrasebook(COMPANY)
CHOICE_SETS = (
    "open", "open_again", "consent", "availability", "review", "level.nl", "licences", "change", "check:",
    "check:availability", "check:licences", "check:level.nl", "remove:city", "remove:availability", "remove:licences",
    "yes_no:licences.CE", "check:yes_no:shifts.night", "work_mode", "check:work_mode",
)  # fmt: skip
# Stems of what may never be asked (product §1i), in all languages at once.
FORBIDDEN = re.compile(
    r"how old|your age|birth|born|pregnan|children|married|religio|nationalit|origin|native speaker|mother tongue|disab|"
    r"salary|gehalt|loon|zarob|salario|salari|оклад|зарплат|راتب|hoe oud|leeftijd|geboren|zwanger|kinderen|geloof|"
    r"wie alt|geburt|schwanger|kinder|verheiratet|staatsangeh|behinder|ile masz lat|urodz|ciąż|dzieci|małżeń|narodowo|"
    r"cuántos años|nacim|embaraz|hijos|casad|nacionalidad|câți ani|născut|gravid|copii|căsător|naționalitate|"
    r"скільки вам років|народж|вагітн|діти|одружен|громадянств|كم عمر|ميلاد|حامل|أطفال|متزوج|جنسي|(?<!\w)دين(?!\w)",
    re.IGNORECASE,
)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_the_same_things_with_the_same_placeholders(language: str) -> None:
    ours, english = phrases(language), phrases("en")
    assert ours.texts.keys() == english.texts.keys()
    assert ours.titles.keys() == english.titles.keys()
    assert ours.rows.keys() == english.rows.keys()
    assert ours.labels.keys() == english.labels.keys()
    for key, text in ours.texts.items():
        assert placeholders(text) == placeholders(english.texts[key]), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_are_short_and_ask_one_thing_at_most(language: str) -> None:
    for key in phrases(language).texts:
        text = BOOK.text(language, key, **PARAMS)
        assert len(text) <= SHORT, key
        assert len(re.findall("[?؟]", text)) <= 1, key
        assert "{" not in text, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_forbidden_is_asked(language: str) -> None:
    for key, text in phrases(language).texts.items():
        assert not FORBIDDEN.search(text), key


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", CHOICE_SETS)
def test_choices_fit_whatsapps_limits_and_are_told_apart(language: str, name: str) -> None:
    choices = BOOK.choices(language, name)
    (reply,) = compose(["?"], choices, phrases(language).titles["choose"])
    assert 0 < len(reply.buttons) <= BUTTONS or 0 < len(reply.rows) <= ROWS
    assert all(len(button.title) <= BUTTON for button in reply.buttons)
    assert all(len(row.title) <= ROW and len(row.description) <= DESCRIPTION for row in reply.rows)
    assert len(reply.list_button) <= BUTTON
    assert bool(reply.list_button) == bool(reply.rows)
    assert len({choice.id for choice in choices}) == len({choice.title for choice in choices}) == len(choices)
    assert all(choice.id.startswith("v1:intake:") and len(choice.id) <= 200 for choice in choices)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_long_profile_still_fits_one_message_with_buttons(language: str) -> None:
    long = "Wolfeschlegelsteinhausenbergerdorff " * 3
    values: dict[str, dict[str, object]] = {
        "name": {"display": long}, "role": {"title": long}, "city": {"city": long}, "availability": {"from": "2026-12-01"},
        "licences.B": {"type": "B"},
    }  # fmt: skip
    values |= {
        f"languages.{code}": {"language": code} for code in ("en", "nl", "de", "pl", "es", "ro", "uk", "ar", "tr")
    }
    facts = [Fact(field=field, value=value, quote="x", message_id="m") for field, value in values.items()]
    question = Question(line=Line(key="review", fields=list(Field)), choices="review")
    (reply,) = BOOK.replies(language, Decision(intake=Intake(), question=question, profile=facts))
    assert len(reply.text) <= BODY
    assert len(reply.buttons) == 3


def test_what_does_not_fit_above_buttons_goes_in_front() -> None:
    choices = BOOK.choices("en", "review")
    before, last = compose(["x" * 900, "y" * 900], choices, "Choose")
    assert (before.text, before.buttons) == ("x" * 900, [])
    assert last.text == "y" * 900
    assert last.buttons == choices


def test_unknown_placeholder_is_an_error_not_a_leak() -> None:
    with pytest.raises(KeyError):
        BOOK.text("en", "thank_name")


@pytest.mark.parametrize("language", LANGUAGES)
def test_days_are_read_back_with_the_months_name(language: str) -> None:
    fact = Fact(field="availability", value={"from": "2026-12-01"}, quote="x", message_id="m")
    said = BOOK.line(language, Line(key="noted", fields=["availability"]), [fact])
    assert "2026" in said
    assert "12" not in said.replace("2026", "")
