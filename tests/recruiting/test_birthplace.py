"""Where somebody was born or grew up is never taken for the town they live in (product, never ask: origin)."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from app.recruiting.answers.reading import read_turn
from app.recruiting.evidence_support import Support
from app.recruiting.evidence_values import follows
from app.recruiting.profile import Fact
from app.recruiting.said import Said

ZONE = ZoneInfo("Europe/Amsterdam")
BORN = [
    ("en", "born in Hull", "Hull"),
    ("en", "I was born in Hull", "Hull"),
    ("nl", "Geboren in Breda", "Breda"),
    ("de", "geboren in Köln", "Köln"),
    ("pl", "Urodziłem się w Krakowie", "Krakowie"),
    ("es", "Nací en Sevilla", "Sevilla"),
    ("ro", "născut în Iași", "Iași"),
    ("uk", "народилася у Львові", "Львові"),
    ("ar", "ولدت في حلب", "حلب"),
    ("en", "I grew up in York", "York"),
    ("nl", "Ik ben in Assen opgegroeid", "Assen"),
    ("de", "Ich bin in Bremen aufgewachsen", "Bremen"),
    ("de", "Ich bin in Köln geboren", "Köln"),
    ("pl", "wychowałam się w Łodzi", "Łodzi"),
    ("es", "Crecí en Murcia", "Murcia"),
    ("ro", "am crescut în Sibiu", "Sibiu"),
    ("uk", "виросла у Полтаві", "Полтаві"),
    ("ar", "كبرت في حمص", "حمص"),
]


def said(text: str) -> Said:
    return Said(message_id="m", text=text, at=dt.datetime(2026, 11, 23, 12, tzinfo=ZONE).timestamp())


@pytest.mark.parametrize(("language", "text", "town"), BORN)
def test_a_place_of_birth_is_no_town(language: str, text: str, town: str) -> None:
    for asked in ("", "city"):
        assert [f for f in read_turn([said(text)], asked, language, ZONE).facts if f.field == "city"] == []
    fact = Fact(field="city", value={"city": town}, quote=town, message_id="m")
    assert follows(fact, said(text), language, ZONE) is Support.CONTRADICTS


def test_the_town_beside_it_is_read() -> None:
    text = said("I was born in Hull but I live in Leeds")
    towns = [f.value["city"] for f in read_turn([text], "city", "en", ZONE).facts if f.field == "city"]
    assert towns == ["Leeds"]
    fact = Fact(field="city", value={"city": "Leeds"}, quote="Leeds", message_id="m")
    assert follows(fact, text, "en", ZONE) is Support.FOLLOWS


@pytest.mark.parametrize(
    ("language", "text", "town"),
    [
        ("en", "grew up in York, my flat is in Leeds", "Leeds"),
        ("nl", "opgegroeid in Assen, mijn flat staat in Breda", "Breda"),
        ("de", "in Bremen aufgewachsen, meine Wohnung ist in Essen", "Essen"),
        ("pl", "wychowany w Łodzi, mieszkanie mam w Lublinie", "Lublinie"),
        ("es", "crecí en Murcia, mi piso está en Valencia", "Valencia"),
        ("ro", "crescut în Sibiu, apartamentul e în Cluj", "Cluj"),
        ("uk", "виріс у Полтаві, квартира в Дніпрі", "Дніпрі"),
        ("ar", "كبرت في حمص وشقتي في أوتريخت", "أوتريخت"),
    ],
)
def test_where_the_home_stands_one_lives(language: str, text: str, town: str) -> None:
    towns = [f.value["city"] for f in read_turn([said(text)], "city", language, ZONE).facts if f.field == "city"]
    assert towns == [town]


def test_who_lives_where_they_were_born_lives_there() -> None:
    fact = Fact(field="city", value={"city": "Hull"}, quote="live in Hull", message_id="m")
    assert follows(fact, said("I was born in Hull, I live in Hull"), "en", ZONE) is Support.FOLLOWS
