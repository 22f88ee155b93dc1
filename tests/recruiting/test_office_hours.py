"""By when a person answers: opening hours are counted, nights, weekends and clock changes are not."""

import datetime as dt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.recruiting.intake import Line
from app.recruiting.lexicon import LANGUAGES
from app.recruiting.office_hours import answer_by
from app.recruiting.phrases import Company, Phrasebook

ZONE = "Europe/Amsterdam"
WEEK = "Mo-Fr 09:00-17:00"


def at(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("asked", "hours", "expected"),
    [
        ("2026-11-30T09:00+01:00", 8.0, "2026-11-30T17:00+01:00"),  # Monday morning: the end of that day
        ("2026-11-30T11:30+01:00", 8.0, "2026-12-01T11:30+01:00"),
        ("2026-11-27T16:30+01:00", 1.0, "2026-11-30T09:30+01:00"),  # half an hour on Friday, half on Monday
        ("2026-11-29T03:00+01:00", 2.0, "2026-11-30T11:00+01:00"),  # a night in a weekend
        ("2026-11-30T17:00+01:00", 1.0, "2026-12-01T10:00+01:00"),  # just closed
        ("2026-11-30T07:30+00:00", 1.0, "2026-11-30T10:00+01:00"),  # the office's clock counts, not the asker's
    ],
)
def test_only_hours_in_which_somebody_is_there_count(asked: str, hours: float, expected: str) -> None:
    assert answer_by(WEEK, ZONE, at(asked), hours) == dt.datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    ("country", "expected"),
    [("NL", "2026-04-28T10:00+02:00"), ("DE", "2026-04-27T10:00+02:00"), ("", "2026-04-27T10:00+02:00")],
)
def test_public_holidays_are_those_of_the_country(country: str, expected: str) -> None:
    # Friday afternoon; Monday is King's Day in the Netherlands and nowhere else.
    found = answer_by("Mo-Fr 09:00-17:00; PH off", ZONE, at("2026-04-24T16:00+02:00"), 2, country)
    assert found == dt.datetime.fromisoformat(expected)


def test_the_night_of_the_clock_change_has_the_hours_it_has() -> None:
    # 25 October 2026: 03:00 becomes 02:00. Open round the clock, three hours are three hours.
    found = answer_by("24/7", ZONE, at("2026-10-25T01:00+02:00"), 3)
    assert found == dt.datetime.fromisoformat("2026-10-25T03:00+01:00")


def test_a_desk_that_does_not_open_promises_nothing() -> None:
    assert answer_by("off", ZONE, at("2026-11-30T09:00+01:00"), 1) is None
    book = Phrasebook(Company("us", "", "", business_hours="off"))
    said = book.line("en", Line(key="handoff_human", params={"asked_at": "1.79e9"}), [])
    assert said.startswith("Of course. A colleague will answer you here. ")


@given(st.floats(1.7e9, 2.0e9), st.floats(0.25, 20))
@example(1867280400.0, 1.0)  # three weeks later the clock leaves this hour out
def test_the_moment_lies_ahead_and_in_opening_hours(now: float, hours: float) -> None:
    found = answer_by(WEEK, ZONE, now, hours)
    assert found is not None
    assert found.timestamp() >= now - 60 + hours * 3600
    assert found.weekday() < 5
    assert dt.time(9) <= found.time() <= dt.time(17)


# Help in danger comes at once, and the law says by when data are deleted.
TOLD = ("handoff_human", "handoff_misunderstanding", "handoff_complaint", "handoff_adjustment", "handoff_minor")


@pytest.mark.parametrize("key", [*TOLD, "technical"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sentence_names_the_day_and_the_time(language: str, key: str) -> None:
    line = Line(key=key, params={"asked_at": str(at("2026-11-28T12:00+01:00"))})
    said = Phrasebook(Company("us", "", "", business_hours="Mo-Fr 08:30-16:30", answer_hours=2)).line(
        language, line, []
    )
    assert "10:30" in said
    assert "30" in said
    assert "{" not in said
