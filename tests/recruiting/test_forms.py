"""A CV is read by its labels; its headings are nobody's name."""

import pytest

from app.recruiting.answers.reading import read_turn
from app.recruiting.messages import Kind
from app.recruiting.said import Said
from tests.recruiting.test_answers import ZONE

CVS = [
    ("en", "CURRICULUM VITAE\nName: Oliver Grant\nCity: Nottingham", "Oliver Grant", "Nottingham"),
    ("nl", "CURRICULUM VITAE\nNaam: Daan Mulder\nWoonplaats: Groningen", "Daan Mulder", "Groningen"),
    ("de", "LEBENSLAUF\nName: Felix Brandt\nWohnort: Rostock", "Felix Brandt", "Rostock"),
    ("pl", "ŻYCIORYS\nImię i nazwisko: Filip Bąk\nMiejsce zamieszkania: Olsztyn", "Filip Bąk", "Olsztyn"),
    ("es", "CURRÍCULUM\nNombre y apellidos: Hugo Serrano\nCiudad: Valladolid", "Hugo Serrano", "Valladolid"),
    ("ro", "CURRICULUM VITAE\nNume: Paul Dobre\nLocalitate: Oradea", "Paul Dobre", "Oradea"),
    ("uk", "РЕЗЮМЕ\nІм'я: Павло Довженко\nМісто: Черкаси", "Павло Довженко", "Черкаси"),
    ("ar", "السيرة الذاتية\nالاسم: فادي درويش\nالمدينة: خرونينغن", "فادي درويش", "خرونينغن"),
]


def read_file(text: str, language: str) -> dict[str, tuple[object, str]]:
    said = Said(message_id="m", text=text, at=1795000000.0, kind=Kind.DOCUMENT)
    facts = read_turn([said], "name", language, ZONE).facts
    return {fact.field: (next(iter(fact.value.values())), fact.source) for fact in facts}


@pytest.mark.parametrize(("language", "text", "name", "city"), CVS)
def test_name_and_town_stand_behind_their_labels(language: str, text: str, name: str, city: str) -> None:
    assert read_file(text, language) == {"name": (name, "cv"), "city": (city, "cv")}


@pytest.mark.parametrize(
    "heading", ["LEBENSLAUF", "РЕЗЮМЕ", "السيرة الذاتية", "Motivation Letter", "Wohnort:\nRostock"]
)
def test_a_heading_is_nobodys_name(heading: str) -> None:
    assert "name" not in read_file(heading, "de")
