"""Lines of a form or CV, "label: value", in the eight languages."""

import re
from collections.abc import Iterator

from app.recruiting.answers import names, places
from app.recruiting.clauses import says
from app.recruiting.profile import Field
from app.recruiting.said import Found
from app.recruiting.text import read

_LINE = re.compile(r"^[^\S\n]*([^:\n]{2,40}?)[^\S\n]*[:：][^\S\n]*(\S[^\n]*)$", re.MULTILINE)
_NAME = (
    "name", "full name", "first and last name", "name and surname", "naam", "volledige naam", "voor- en achternaam",
    "vollständiger name", "vor- und nachname", "vorname und nachname", "imię i nazwisko", "nazwisko i imię", "nombre",
    "nombre completo", "nombre y apellidos", "nume", "nume complet", "nume și prenume", "numele", "ім'я",
    "ім'я та прізвище", "прізвище та ім'я", "піб", "الاسم", "الاسم الكامل",
)  # fmt: skip
_CITY = (
    "city", "town", "residence", "place of residence", "stad", "woonplaats", "plaats", "wohnort", "ort", "stadt",
    "miejsce zamieszkania", "miasto", "miejscowość", "ciudad", "localidad", "residencia", "oraș", "localitate",
    "domiciliu", "місто", "місце проживання", "المدينة", "مكان الإقامة", "السكن",
)  # fmt: skip


def _label(written: str) -> str:
    return " ".join(word.folded for word in read(written).words)


_FIELDS = {_label(label): field for field, labels in ((Field.NAME, _NAME), (Field.CITY, _CITY)) for label in labels}


def labelled(text: str, language: str) -> Iterator[Found]:
    """Name and town behind their labels. Other fields have readers that need no label."""
    for line in _LINE.finditer(text):
        field = _FIELDS.get(_label(line[1]))
        value = read(line[2].strip())
        if any(says(clause, "sensitive", language) for clause in value.clauses):
            continue
        found = None
        if field is Field.NAME:
            found = names.answered(value, language)
        elif field is Field.CITY:
            found = places.answered(value, language)
        if found is not None:
            yield found
