"""When a person can start, as people write it, against Monday 23 November 2026."""
# ruff: noqa: E501  # tables of sentences read better unwrapped

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.recruiting.answers.availability import read_availability
from app.recruiting.answers.dates import ahead, find_dates
from app.recruiting.lexicon import LANGUAGES
from app.recruiting.said import Said
from app.recruiting.text import read

ZONE = ZoneInfo("Europe/Amsterdam")
MONDAY = dt.date(2026, 11, 23)
DECEMBER = dt.date(2026, 12, 1)
IN_2_WEEKS = dt.date(2026, 12, 7)
IN_A_MONTH = dt.date(2026, 12, 23)
NEXT_WEEK = dt.date(2026, 11, 30)
TOMORROW = dt.date(2026, 11, 24)
JANUARY = dt.date(2027, 1, 1)

ASKED = {
    "en": {
        "now": MONDAY, "right away": MONDAY, "Immediately!": MONDAY, "in 2 weeks": IN_2_WEEKS, "in two weeks": IN_2_WEEKS,
        "2 weeks notice": IN_2_WEEKS, "two weeks": IN_2_WEEKS, "from 1 December": DECEMBER, "December 1st": DECEMBER,
        "the 1st of December": DECEMBER, "1/12": DECEMBER, "1-12-2026": DECEMBER, "2026-12-01": DECEMBER, "1 Dec": DECEMBER,
        "next week": NEXT_WEEK, "next Monday": NEXT_WEEK, "tomorrow": TOMORROW, "in a month": IN_A_MONTH,
        "beginning of January": JANUARY, "January": JANUARY, "mid January": dt.date(2027, 1, 15),
        "end of January": dt.date(2027, 1, 31), "day after tomorrow": dt.date(2026, 11, 25), "next month": DECEMBER,
        "from 15 February 2027": dt.date(2027, 2, 15), "I can start on Friday": dt.date(2026, 11, 27),
        "In a couple weeks": IN_2_WEEKS,
    },
    "nl": {
        "nu": MONDAY, "per direct": MONDAY, "direct beschikbaar": MONDAY, "over 2 weken": IN_2_WEEKS, "over twee weken": IN_2_WEEKS,
        "vanaf 1 december": DECEMBER, "1 dec": DECEMBER, "volgende week": NEXT_WEEK, "maandag": NEXT_WEEK, "morgen": TOMORROW,
        "over een maand": IN_A_MONTH, "begin januari": JANUARY, "half januari": dt.date(2027, 1, 15), "eind januari": dt.date(2027, 1, 31),
        "overmorgen": dt.date(2026, 11, 25), "volgende maand": DECEMBER, "1 maand opzegtermijn": IN_A_MONTH,
    },
    "de": {
        "ab sofort": MONDAY, "sofort": MONDAY, "in 2 Wochen": IN_2_WEEKS, "in zwei Wochen": IN_2_WEEKS, "ab dem 1. Dezember": DECEMBER,
        "1.12.": DECEMBER, "01.12.2026": DECEMBER, "nächste Woche": NEXT_WEEK, "am Montag": NEXT_WEEK, "morgen": TOMORROW,
        "in einem Monat": IN_A_MONTH, "Anfang Januar": JANUARY, "Mitte Januar": dt.date(2027, 1, 15), "Ende Januar": dt.date(2027, 1, 31),
        "übermorgen": dt.date(2026, 11, 25), "nächsten Monat": DECEMBER, "ab Januar": JANUARY,
    },
    "pl": {
        "od zaraz": MONDAY, "za 2 tygodnie": IN_2_WEEKS, "za dwa tygodnie": IN_2_WEEKS, "od 1 grudnia": DECEMBER, "1 grudzień": DECEMBER,
        "w przyszłym tygodniu": NEXT_WEEK, "od poniedziałku": NEXT_WEEK, "jutro": TOMORROW, "za miesiąc": IN_A_MONTH,
        "od stycznia": JANUARY, "w styczniu": JANUARY, "1.12.2026": DECEMBER, "pojutrze": dt.date(2026, 11, 25),
        "w przyszłym miesiącu": DECEMBER, "od środy": dt.date(2026, 11, 25),
    },
    "es": {
        "ya": MONDAY, "de inmediato": MONDAY, "incorporación inmediata": MONDAY, "en 2 semanas": IN_2_WEEKS, "dentro de dos semanas": IN_2_WEEKS,
        "a partir del 1 de diciembre": DECEMBER, "el 1 de diciembre": DECEMBER, "la próxima semana": NEXT_WEEK, "la semana que viene": NEXT_WEEK,
        "el lunes": NEXT_WEEK, "mañana": TOMORROW, "en un mes": IN_A_MONTH, "a principios de enero": JANUARY, "a mediados de enero": dt.date(2027, 1, 15),
        "a finales de enero": dt.date(2027, 1, 31), "el mes que viene": DECEMBER, "pasado mañana": dt.date(2026, 11, 25),
    },
    "ro": {
        "acum": MONDAY, "imediat": MONDAY, "peste 2 săptămâni": IN_2_WEEKS, "peste doua saptamani": IN_2_WEEKS, "de la 1 decembrie": DECEMBER,
        "săptămâna viitoare": NEXT_WEEK, "luni": NEXT_WEEK, "mâine": TOMORROW, "peste o lună": IN_A_MONTH, "peste 2 luni": dt.date(2027, 1, 23),
        "începutul lunii ianuarie": JANUARY, "din ianuarie": JANUARY, "luna viitoare": DECEMBER, "poimâine": dt.date(2026, 11, 25),
    },
    "uk": {
        "зараз": MONDAY, "хоч сьогодні": MONDAY, "через 2 тижні": IN_2_WEEKS, "через два тижні": IN_2_WEEKS, "з 1 грудня": DECEMBER,
        "наступного тижня": NEXT_WEEK, "з понеділка": NEXT_WEEK, "завтра": TOMORROW, "через місяць": IN_A_MONTH, "з січня": JANUARY,
        "у січні": JANUARY, "з наступного місяця": DECEMBER, "післязавтра": dt.date(2026, 11, 25), "01.12.2026": DECEMBER,
    },
    "ar": {
        "الآن": MONDAY, "فورا": MONDAY, "بعد أسبوعين": IN_2_WEEKS, "بعد اسبوعين": IN_2_WEEKS, "من 1 ديسمبر": DECEMBER, "١ ديسمبر": DECEMBER,
        "الأسبوع القادم": NEXT_WEEK, "يوم الاثنين": NEXT_WEEK, "غدا": TOMORROW, "بعد شهر": IN_A_MONTH, "بداية يناير": JANUARY,
        "الشهر القادم": DECEMBER, "بعد غد": dt.date(2026, 11, 25), "بعد ثلاثة أيام": dt.date(2026, 11, 26), "1 كانون الأول": DECEMBER,
    },
}  # fmt: skip

VOLUNTEERED = {
    "en": {"I can start in 2 weeks": IN_2_WEEKS, "I am available from 1 December": DECEMBER},
    "nl": {"ik kan over 2 weken beginnen": IN_2_WEEKS, "ik ben per direct beschikbaar": MONDAY},
    "de": {"ich kann ab dem 1. Dezember anfangen": DECEMBER},
    "pl": {"mogę zacząć od 1 grudnia": DECEMBER, "mogę od zaraz": MONDAY},
    "es": {"puedo empezar en 2 semanas": IN_2_WEEKS},
    "ro": {"pot începe peste două săptămâni": IN_2_WEEKS},
    "uk": {"можу почати через два тижні": IN_2_WEEKS},
    "ar": {"أستطيع البدء بعد أسبوعين": IN_2_WEEKS},
}

NO_DATE = {
    "en": ["I worked there for 2 weeks", "until 1 December I have work", "two weeks ago", "I have 5 years experience", "Is it from 1 December?",
           "My name is April", "good morning", "call me tomorrow", "I am married and available", "I work as a major and can start", "my interview is on Monday"],
    "nl": ["goedemorgen", "tot 1 december werk ik nog", "twee weken geleden", "ik heb 5 jaar ervaring"],
    "de": ["Guten Morgen", "bis 1. Dezember", "seit zwei Wochen", "ich habe 2 Wochen gearbeitet"],
    "pl": ["dzień dobry", "jestem Marcin i mogę zacząć", "do 1 grudnia", "2 tygodnie temu"], "es": ["trabajo por la mañana", "hasta el 1 de diciembre", "hace dos semanas"],
    "ro": ["bună dimineața", "până la 1 decembrie", "acum două săptămâni"], "uk": ["добрий день", "до 1 грудня", "два тижні тому"],
    "ar": ["صباح الخير", "حتى 1 ديسمبر", "قبل أسبوعين"],
}  # fmt: skip


def said(text: str) -> Said:
    return Said(message_id="m", text=text, at=dt.datetime(2026, 11, 23, 12, tzinfo=ZONE).timestamp())


def first_day(text: str, language: str, *, asked: bool) -> dt.date | None:
    found = read_availability(said(text), read(text), language, ZONE, asked=asked)
    if found is None:
        return None
    assert found.quote in text
    return dt.date.fromisoformat(str(found.value["from"]))


@pytest.mark.parametrize(
    ("language", "text", "day"), [(code, text, day) for code, by in ASKED.items() for text, day in by.items()]
)
def test_answer_to_the_question_when(language: str, text: str, day: dt.date) -> None:
    assert first_day(text, language, asked=True) == day


@pytest.mark.parametrize(
    ("language", "text", "day"), [(code, text, day) for code, by in VOLUNTEERED.items() for text, day in by.items()]
)
def test_a_first_day_said_by_the_way(language: str, text: str, day: dt.date) -> None:
    assert first_day(text, language, asked=False) == day


@pytest.mark.parametrize(("language", "text"), [(code, text) for code, texts in NO_DATE.items() for text in texts])
def test_what_only_looks_like_a_first_day(language: str, text: str) -> None:
    assert first_day(text, language, asked=False) is None


@pytest.mark.parametrize(
    ("language", "text", "day"),
    [
        ("ro", "mai bine cineva în carne și oase", None),
        ("en", "I may come back to you", None),
        ("ro", "din mai vă rog", dt.date(2027, 5, 1)),
        ("en", "in may please", dt.date(2027, 5, 1)),
    ],
)
def test_everyday_words_are_months_only_where_a_month_can_stand(language: str, text: str, day: dt.date | None) -> None:
    assert first_day(text, language, asked=True) == day


def test_a_message_after_midnight_counts_from_its_own_day_where_the_work_is() -> None:
    at = dt.datetime(2026, 11, 23, 23, 30, tzinfo=dt.UTC).timestamp()  # half past midnight in Amsterdam
    found = read_availability(Said(message_id="m", text="tomorrow", at=at), read("tomorrow"), "en", ZONE, asked=True)
    assert found is not None
    assert found.value["from"] == "2026-11-25"


@given(text=st.text(max_size=60), language=st.sampled_from(LANGUAGES))
def test_any_text_is_read_without_error_and_never_gives_a_past_day(text: str, language: str) -> None:
    for found in find_dates(read(text).clauses, MONDAY, language):
        assert found.day >= MONDAY
        assert found.quote in text


@given(today=st.dates(dt.date(2020, 1, 1), dt.date(2040, 1, 1)), count=st.integers(0, 24))
def test_a_month_ahead_is_a_real_day_in_that_month(today: dt.date, count: int) -> None:
    later = ahead(today, count, "month")
    assert (later.year * 12 + later.month) - (today.year * 12 + today.month) == count
    assert later.day <= today.day
