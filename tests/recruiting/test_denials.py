"""What people say they do not speak, hold or want, before the thing and after it, is never kept as theirs."""
# ruff: noqa: E501  # tables of sentences read better unwrapped

import pytest

from app.recruiting.answers.reading import Reading, read_turn
from app.recruiting.evidence_values import Support, follows
from app.recruiting.profile import Fact
from app.recruiting.said import Said
from tests.recruiting.test_answers import ZONE


def read_text(text: str, asked: str, language: str) -> Reading:
    return read_turn([Said(message_id="m", text=text, at=1795000000.0)], asked, language, ZONE)


SPOKEN = [
    ("en", "English C2. I could say Chinese too but I don't speak Chinese", {"en"}),
    ("en", "I do not speak English or German but Polish C2", {"pl"}), ("en", "English not so well, Dutch B1", {"en", "nl"}),
    ("nl", "Chinees spreek ik niet, Engels wel", {"en"}), ("nl", "Engels is geen probleem", {"en"}),
    ("de", "Chinesisch und Japanisch spreche ich nicht, Deutsch C1", {"de"}), ("de", "Englisch spreche ich nicht aber Deutsch", {"de"}),
    ("de", "Englisch ja Deutsch nein", {"en"}), ("de", "Englisch nicht so gut", {"en"}),
    ("pl", "polski C2. Po chińsku nie mówię", {"pl"}), ("pl", "angielski nie, polski tak", {"pl"}),
    ("es", "español C2. Chino no hablo", {"es"}), ("es", "no hablo muy bien inglés", {"en"}),
    ("ro", "română C2. Chineză nu vorbesc", {"ro"}), ("ro", "engleză nu foarte bine", {"en"}),
    ("uk", "українська C2. Китайською не говорю", {"uk"}), ("uk", "англійською не дуже", {"en"}),
    ("ar", "العربية C2. لا أتكلم الصينية", {"ar"}), ("ar", "الصينية لا أتكلمها", set()), ("ar", "الانجليزية نوعا ما", {"en"}),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text", "spoken"), SPOKEN)
def test_a_language_someone_does_not_speak_is_not_kept_and_a_weak_one_is(
    language: str, text: str, spoken: set[str]
) -> None:
    facts = read_text(text, "languages", language).facts
    assert {fact.value["language"] for fact in facts if fact.field.startswith("languages.")} == spoken


HELD = [
    ("en", "I don't have C, only B", {"B"}), ("en", "B and forklift, no CE", {"B", "forklift"}), ("en", "I don't have any", {"none"}),
    ("nl", "C heb ik niet, alleen B", {"B"}), ("de", "Klasse C habe ich nicht aber B", {"B"}), ("de", "kein Führerschein", {"none"}),
    ("de", "Staplerschein habe ich nicht", set()), ("pl", "C nie mam tylko B", {"B"}), ("es", "C no tengo solo B", {"B"}),
    ("ro", "nu am C doar B", {"B"}), ("ro", "am permis categoria B", {"B"}), ("uk", "C немає тільки B", {"B"}), ("ar", "ليس لدي C، فقط B", {"B"}),
    ("en", "am", {"AM"}),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text", "held"), HELD)
def test_a_licence_someone_lacks_is_not_kept(language: str, text: str, held: set[str]) -> None:
    facts = read_text(text, "licences", language).facts
    assert {fact.value["type"] for fact in facts if fact.field.startswith("licences.")} == held


def test_a_denied_language_contradicts_the_fact_whoever_read_it() -> None:
    said = Said(message_id="m", text="Chinees spreek ik niet", at=1795000000.0)
    fact = Fact(field="languages.zh", value={"language": "zh"}, quote="Chinees", message_id="m")
    assert follows(fact, said, "nl", ZONE) is Support.CONTRADICTS
