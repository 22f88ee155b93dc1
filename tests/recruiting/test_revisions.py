"""What candidates say to have one thing removed or changed, in eight languages; and what only sounds like it."""
# ruff: noqa: E501  # tables of sentences read better unwrapped

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from app.recruiting.interrupts import Intent, in_text
from app.recruiting.profile import Fact
from app.recruiting.revisions import corrected, revisions
from app.recruiting.said import Said

ZONE = ZoneInfo("Europe/Amsterdam")
MONDAY = dt.datetime(2026, 11, 23, 10, tzinfo=ZONE).timestamp()


def fact(field: str, quote: str, **value: object) -> Fact:
    return Fact(field=field, value=value, quote=quote, message_id="m0", id=field)


def known(name: str = "Anna", city: str = "Utrecht") -> list[Fact]:
    return [
        fact("name", name, display=name), fact("role", "driver", title="driver"), fact("city", city, city=city),
        fact("availability", "1 December", **{"from": "2026-12-01"}), fact("languages.pl", "Polish", language="pl"),
        fact("licences.C", "C", type="C"),
    ]  # fmt: skip


REMOVE = {
    "en": [
        ("please remove my phone number", "phone"),
        ("delete my city", "city"),
        ("can you delete my e-mail address?", "email"),
        ("erase my name please", "name"),
    ],
    "nl": [
        ("verwijder mijn telefoonnummer", "phone"),
        ("haal mijn woonplaats weg", "city"),
        ("wil je mijn naam wissen", "name"),
    ],
    "de": [
        ("bitte löschen Sie meine Telefonnummer", "phone"),
        ("Wohnort löschen", "city"),
        ("entfernen Sie meinen Namen", "name"),
    ],
    "pl": [
        ("usuń mój numer telefonu", "phone"),
        ("proszę usunąć moje miasto", "city"),
        ("skasujcie moje imię", "name"),
    ],
    "es": [
        ("borra mi número de teléfono", "phone"),
        ("elimine mi ciudad por favor", "city"),
        ("quita mi nombre", "name"),
    ],
    "ro": [
        ("ștergeți numărul meu de telefon", "phone"),
        ("vă rog să ștergeți orașul meu", "city"),
        ("sterge numele meu", "name"),
    ],
    "uk": [("видаліть мій номер телефону", "phone"), ("приберіть моє місто", "city"), ("видали моє ім'я", "name")],
    "ar": [("احذفوا رقم هاتفي", "phone"), ("احذف مدينتي", "city"), ("امسح اسمي من فضلك", "name")],
}


@pytest.mark.parametrize(("language", "text", "field"), [(code, *row) for code, rows in REMOVE.items() for row in rows])
def test_one_thing_is_removed_without_erasing_everything(language: str, text: str, field: str) -> None:
    (one,) = revisions(text, language, known())
    assert (one.intent, one.field) == (Intent.REMOVE, field)
    assert Intent.DELETE not in dict(in_text(text, language))


CORRECT = {
    "en": [
        ("my name is not Anna but Hanna", "Hanna"),
        ("I don't live in Utrecht but in Delft", "Delft"),
        ("change my city to Delft", "Delft"),
        ("it's Hanna, not Anna", "Hanna"),
        ("The city is wrong, it should be Delft", "Delft"),
    ],
    "nl": [
        ("ik heet niet Anna maar Hanna", "Hanna"),
        ("ik woon niet in Utrecht, maar in Delft", "Delft"),
        ("verander mijn woonplaats in Delft", "Delft"),
    ],
    "de": [
        ("Mein Name ist nicht Anna, sondern Hanna", "Hanna"),
        ("ich wohne nicht in Utrecht sondern in Delft", "Delft"),
        ("Ändern Sie meinen Wohnort in Delft", "Delft"),
    ],
    "pl": [
        ("nazywam się nie Anna, tylko Hanna", "Hanna"),
        ("nie mieszkam w Utrecht tylko w Delft", "Delft"),
        ("zmień moje miasto na Delft", "Delft"),
    ],
    "es": [
        ("no me llamo Anna sino Hanna", "Hanna"),
        ("no vivo en Utrecht, sino en Delft", "Delft"),
        ("cambia mi ciudad a Delft", "Delft"),
    ],
    "ro": [
        ("nu mă numesc Anna, ci Hanna", "Hanna"),
        ("nu locuiesc în Utrecht ci în Delft", "Delft"),
        ("schimbă orașul meu în Delft", "Delft"),
    ],
    "uk": [
        ("мене звати не Anna, а Hanna", "Hanna"),
        ("живу не в Utrecht, а в Delft", "Delft"),
        ("змініть моє місто на Delft", "Delft"),
    ],
    "ar": [
        ("اسمي ليس Anna بل Hanna", "Hanna"),
        ("لا أعيش في Utrecht بل في Delft", "Delft"),
        ("من فضلك غيّر مدينتي إلى Delft", "Delft"),
    ],
}


@pytest.mark.parametrize(("language", "text", "new"), [(code, *row) for code, rows in CORRECT.items() for row in rows])
def test_the_new_value_is_read_in_the_place_of_the_old_one(language: str, text: str, new: str) -> None:
    said = Said(message_id="m1", text=text, at=MONDAY)
    (found,) = corrected(said, language, ZONE, known())
    assert (found.field, found.quote) == (("name" if new == "Hanna" else "city"), new)
    assert revisions(text, language, known())[0].intent is Intent.CHANGE


def test_a_day_is_corrected_by_the_day_it_is_not() -> None:
    said = Said(message_id="m1", text="not 1 December but 8 December", at=MONDAY)
    assert [found.value["from"] for found in corrected(said, "en", ZONE, known())] == ["2026-12-08"]


CHANGE = {
    "en": [("my name is wrong", "name"), ("change my start date", "availability"), ("I don't live in Utrecht", "city")],
    "nl": [
        ("mijn naam klopt niet", "name"),
        ("de plaats is fout", "city"),
        ("ik wil mijn startdatum wijzigen", "availability"),
    ],
    "de": [
        ("der Ort stimmt nicht", "city"),
        ("mein Name ist falsch", "name"),
        ("ich möchte meinen Namen ändern", "name"),
    ],
    "pl": [("moje miasto się nie zgadza", "city"), ("popraw moje imię", "name")],
    "es": [("mi nombre está mal", "name"), ("quiero corregir mi ciudad", "city")],
    "ro": [("numele meu este greșit", "name"), ("vreau să schimb orașul meu", "city")],
    "uk": [("моє місто неправильне", "city"), ("виправте моє ім'я", "name")],
    "ar": [("اسمي غير صحيح", "name"), ("أريد تعديل مدينتي", "city")],
}


@pytest.mark.parametrize(("language", "text", "field"), [(code, *row) for code, rows in CHANGE.items() for row in rows])
def test_a_wrong_thing_is_named_without_its_new_value(language: str, text: str, field: str) -> None:
    (one,) = revisions(text, language, known())
    assert (one.intent, one.field) == (Intent.CHANGE, field)
    assert corrected(Said(message_id="m1", text=text, at=MONDAY), language, ZONE, known()) == []


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("delete Polish", ["languages.pl"]),
        ("remove my licence C", ["licences.C"]),
        ("remove my licences", ["licences"]),
        ("please delete my phone number and my email address", ["email", "phone"]),
    ],
)
def test_single_languages_licences_and_several_things_are_removed(text: str, fields: list[str]) -> None:
    assert sorted(one.field for one in revisions(text, "en", known())) == fields


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "don't delete my phone number"), ("en", "I want to change my job"), ("en", "I forgot my licence at home"),
        ("en", "not far from Utrecht"), ("en", "I can not work in Utrecht"), ("en", "not only in Utrecht"), ("en", "I live in Utrecht"),
        ("en", "my phone number is 0612345678"), ("en", "I can change my shifts"), ("nl", "niet ver van Utrecht"), ("nl", "ik wil van baan veranderen"),
        ("de", "Mein Ort ist 20 km entfernt"), ("de", "ich habe meinen Führerschein vergessen"), ("de", "ich will den Job wechseln"),
        ("pl", "chcę zmienić pracę"), ("pl", "mam prawo jazdy"), ("es", "no, Utrecht"), ("es", "quiero cambiar de trabajo"), ("ro", "nu am permis"),
        ("uk", "прибирання"), ("uk", "хочу змінити роботу"), ("ar", "عندي رخصة غير هولندية"), ("ar", "أريد تغيير العمل"), ("en", "driver"), ("en", "delete my data"),
    ],
)  # fmt: skip
def test_what_only_sounds_like_it_changes_nothing(language: str, text: str) -> None:
    assert revisions(text, language, known()) == []
