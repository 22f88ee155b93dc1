"""Pure rules of interviews: choices in words, what a tap does, calendar files, files of times."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from app.cli import cli
from app.local.house_vacancies import load_examples
from app.local.postgres import PostgresServer
from app.recruiting.calendar_file import Event, calendar, escape, fold
from app.recruiting.interview_texts import row_title, same_clock, slot_list
from app.recruiting.interview_words import chosen
from app.recruiting.interviews import Booking, Interviews, Invitation, Slot, Tap, choice_id, parse, step
from app.recruiting.lexicon import LANGUAGES
from app.recruiting.phrases import BODY, DESCRIPTION, ROW, Phrasebook
from app.recruiting.slot_file import check_slot_text
from tests.fixtures.agents import COMPANY
from tests.fixtures.stack import Stack, new_database
from tests.interviews.making import a_vacancy

EXAMPLE = (Path(__file__).parents[2] / "examples" / "interviews.toml").read_text(encoding="utf-8")
BEFORE = datetime(2026, 12, 1, tzinfo=UTC)


def slot(number: int, *local: int) -> Slot:
    return Slot(
        id=f"s{number}",
        vacancy="WH-1",
        starts_at=datetime(*local, tzinfo=UTC) - timedelta(hours=1),  # type: ignore[misc,arg-type]  # winter's clock
        minutes=30,
        timezone="Europe/Amsterdam",
        place="Utrecht",
        capacity=1,
        booked=0,
    )


# Tuesday 10:00, Tuesday 14:00, Wednesday 10:00, Thursday 9:30
LIST = [slot(1, 2026, 12, 8, 10), slot(2, 2026, 12, 8, 14), slot(3, 2026, 12, 9, 10), slot(4, 2026, 12, 10, 9, 30)]
CHOSEN = [
    ("en", "the first", 1), ("en", "the last one please", 4), ("en", "2", 2), ("en", "Tuesday 10", 1), ("en", "wed", 3),
    ("en", "2pm", 2), ("en", "8 December 10am", 1), ("en", "9/12", 3), ("en", "4", 4), ("nl", "dinsdag om 14 uur", 2),
    ("nl", "di 10:00", 1), ("de", "am Donnerstag", 4), ("de", "Donnerstag um 9.30 Uhr", 4),
    ("de", "den ersten bitte", 1),
    ("pl", "w środę", 3), ("pl", "pierwszy", 1), ("es", "miércoles a las 10", 3), ("ro", "miercuri la 10", 3),
    ("uk", "у середу", 3), ("uk", "перший", 1), ("ar", "الأول", 1), ("ar", "يوم الاربعاء", 3), ("ar", "٢", 2),
]  # fmt: skip
ASKED_AGAIN = [
    ("en", "10"), ("en", "Tuesday"), ("en", "not Tuesday 10"), ("en", "the first?"), ("en", "the fifth"), ("nl", "5"),
    ("en", "Tuesday or Wednesday"), ("de", "Dienstag 10 geht leider nicht"), ("pl", "nie w środę"),
    ("en", "the first, but I must bring my brother along and we need a parking place, if that is possible at all"),
]  # fmt: skip
ABOUT_SOMETHING_ELSE = [
    ("en", "Utrecht"), ("en", "9 years"), ("en", "is the pay 16 an hour?"), ("nl", "ja"), ("en", "STOP"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text", "number"), CHOSEN)
def test_words_that_can_only_mean_one_time_choose_it(language: str, text: str, number: int) -> None:
    found, _ = chosen(text, LIST, language)
    assert found is not None
    assert found.id == f"s{number}"


@pytest.mark.parametrize(("language", "text"), ASKED_AGAIN)
def test_words_about_times_that_are_not_certain_are_asked_about(language: str, text: str) -> None:
    assert chosen(text, LIST, language) == (None, True)


@pytest.mark.parametrize(("language", "text"), ABOUT_SOMETHING_ELSE)
def test_other_words_are_left_to_the_conversation(language: str, text: str) -> None:
    assert chosen(text, LIST, language) == (None, False)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rows_title_fits_names_its_time_and_chooses_it_when_typed(language: str) -> None:
    for month in range(1, 13):
        days = [slot(day, 2026, month, day, 10) for day in (2, 13, 24)]
        titles = [row_title(each, language) for each in days]
        assert all(len(title) <= ROW and re.search(r"1[01]:00", title) for title in titles)
        assert [chosen(title, days, language)[0] for title in titles] == days


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_full_list_fits_and_names_the_clock_only_where_it_may_be_another(language: str) -> None:
    many = [slot(day, 2026, 12, day, 10) for day in range(2, 11)]
    invitation, book = Invitation(id="i", vacancy="WH-1", state="open"), Phrasebook(COMPANY)
    far, near = [
        slot_list(book, language, ["?"], many, invitation, number) for number in ("38267123456", "31612345678")
    ]
    unknown = slot_list(book, language, ["?"], many, invitation, "447911123456")
    assert len(far.rows) == 10
    assert len(far.text) <= BODY
    assert all(len(row.title) <= ROW and len(row.description) <= DESCRIPTION for row in far.rows)
    assert len({row.id for row in far.rows}) == len({row.title for row in far.rows}) == 10
    assert (near.text, unknown.text == near.text) == ("?", False)
    assert not same_clock(many[0], "")


FOUND = Interviews(
    invitations=[
        Invitation(id="i", vacancy="WH-1", state="open"),
        Invitation(id="old", vacancy="WH-1", state="replaced"),
    ],
    bookings=[],
    free=LIST[1:],
)
BOOKED = Interviews(
    invitations=[Invitation(id="i", vacancy="WH-1", state="used")],
    bookings=[Booking(id="b", invitation="i", slot=LIST[0])],
    free=LIST[1:],
)


@pytest.mark.parametrize(
    ("found", "tap", "act"),
    [
        (FOUND, Tap("book", "i", "s2"), "book"),
        (FOUND, Tap("book", "i", "s1"), "taken"),
        (FOUND, Tap("book", "old", "s2"), "stale"),
        (FOUND, Tap("book", "somebody's", "s2"), "stale"),
        (FOUND, Tap("none", "i"), "decline"),
        (FOUND, Tap("cancel", "b"), "stale"),
        (Interviews(invitations=FOUND.invitations, bookings=[], free=[]), Tap("book", "i", "s2"), "decline"),
        (BOOKED, Tap("book", "i", "s2"), "show"),
        (BOOKED, Tap("change", "b"), "offer"),
        (BOOKED, Tap("move", "b", "s3"), "move"),
        (BOOKED, Tap("move", "b", "s1"), "show"),
        (BOOKED, Tap("move", "b", "s9"), "taken"),
        (BOOKED, Tap("stay", "b"), "decline"),
        (BOOKED, Tap("cancel", "b"), "cancel"),
        (BOOKED, Tap("cancel", "former"), "show"),
    ],
)
def test_a_tap_does_what_the_record_allows_now(found: Interviews, tap: Tap, act: str) -> None:
    assert step(found, tap).act == act


def test_ids_are_read_back_and_others_are_not_ours() -> None:
    assert parse(choice_id("move", "b", "s")) == Tap("move", "b", "s")
    assert parse(choice_id("none", "i")) == Tap("none", "i")
    for foreign in ("", "v1:intake:open:start", "v1:interview:book:i", "v1:interview:none:", "v2:interview:none:i"):
        assert parse(foreign) is None


@given(st.text(), st.text())
def test_a_calendar_file_keeps_every_text_in_lines_that_calendars_read(summary: str, location: str) -> None:
    starts = datetime(2026, 12, 8, 9, tzinfo=UTC)
    event = Event(
        uid="u", sequence=2, written=BEFORE, starts=starts, ends=starts + timedelta(minutes=30), summary=summary,
        location=location,
    )  # fmt: skip
    raw = calendar(event).encode()
    assert raw.endswith(b"END:VCALENDAR\r\n")
    lines = raw.split(b"\r\n")
    assert all(len(line) <= 75 for line in lines)
    assert not re.search(rb"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]", raw)
    unfolded = raw.decode().replace("\r\n ", "").split("\r\n")
    fields = dict(line.split(":", 1) for line in unfolded if line)
    assert fields["SUMMARY"] == escape(summary)
    assert re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], fields["LOCATION"]) == _plain(location)


def _plain(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", "", lines)


def test_folding_never_cuts_a_character() -> None:
    folded = fold("é" * 100)
    assert folded.encode().decode() == folded
    assert [len(line.encode()) for line in folded.split("\r\n")] == [74, 75, 53]


FAULTS = [
    ('vacancy = "WH-102"', 'vacancy = "wh 102"', "vacancy: write a vacancy's code"),
    ("starts = 2027-01-12T10:30:00", "starts = 2027-01-12T10:29:00", "overlaps another time"),
    ("starts = 2027-01-12T10:30:00", "starts = 2026-01-12T10:30:00", "this time is over"),
    ("starts = 2027-01-12T10:30:00", "starts = 2027-01-12T10:30:00Z", "without Z or +01:00"),
    ("starts = 2027-01-12T10:30:00", "starts = 2027-01-12", "write a day and a time"),
    ("starts = 2027-01-12T10:30:00", "starts = 2027-03-28T02:30:00", "no such time on that day"),
    ("starts = 2027-01-12T10:30:00", "starts = 2027-10-31T02:30:00", "comes twice on that day"),
    ('timezone = "Europe/Amsterdam"\n', "", "'timezone' is missing"),
    ('timezone = "Europe/Amsterdam"', 'timezone = "CET+9"', "is not a time zone"),
    ("minutes = 45", "minutes = 3", "between 5 and 480"),
    ("minutes = 45", "", "missing required field `minutes`"),
    ("capacity = 4", "capacity = 0", "between 1 and 50"),
    ("capacity = 4", "room = 4", "unknown field `room`"),
    ('place = "https://meet.example.com/drivers"', 'place = " "', "say where"),
    ("[[slots]]\nvacancy", "[[times]]\nvacancy", "under [[slots]] and nothing else"),
    ("[[slots]]", "[[slots", "this is no TOML"),
]


@pytest.mark.parametrize(("old", "new", "message"), FAULTS, ids=[each[2][:30] for each in FAULTS])
def test_a_fault_in_a_file_of_times_is_told_with_its_place(old: str, new: str, message: str) -> None:
    assert old in EXAMPLE
    checked = check_slot_text(EXAMPLE.replace(old, new, 1), "times.toml", BEFORE)
    assert checked.slots == []
    assert [each for each in checked.faults if message in each], checked.faults
    assert all(each.startswith("times.toml") for each in checked.faults)


def test_the_example_holds() -> None:
    checked = check_slot_text(EXAMPLE, "interviews.toml", BEFORE)
    assert checked.faults == []
    assert checked.slots[0].stored()["starts_at"] == "2027-01-12T09:00:00+00:00"


async def test_local_mode_begins_with_times_that_lie_ahead(postgres: PostgresServer) -> None:
    dsn = await new_database(postgres)
    assert "WH-102" in await load_examples(dsn)
    owner = await asyncpg.connect(dsn)
    starts = [row["starts_at"] for row in await owner.fetch("select starts_at from public.interview_slots")]
    await owner.close()
    assert len(starts) == 3
    assert all(timedelta(days=1) < each - datetime.now(UTC) < timedelta(days=10) for each in starts)


async def test_the_command_loads_lists_and_closes(desk: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SUPABASE_URL", "SUPABASE_KEY"):
        monkeypatch.setenv(name, desk.environ[name])
    code = (await a_vacancy(desk.record)).code
    file = tmp_path / "times.toml"
    text = EXAMPLE.replace("WH-102", code).replace("TR-207", code).replace("2027-", f"{datetime.now(UTC).year + 1}-")
    file.write_text(text, encoding="utf-8")

    async def run(*words: str) -> tuple[int, str]:
        result = await asyncio.to_thread(CliRunner().invoke, cli, ["interviews", "slots", *words])
        return result.exit_code, result.output

    assert await run("load", str(file)) == (0, "3 times, 3 new or changed\n")
    assert await run("load", str(file)) == (0, "3 times, nothing new or changed\n")
    listed = [line for line in (await run("list"))[1].splitlines() if code in line]
    assert [line.split()[1:5] for line in listed] == [["open", "0", "of", "1"]] * 2 + [["open", "0", "of", "4"]]
    closed, said = await run("close", listed[0].split()[0])
    assert (closed, said.startswith("closed: ")) == (0, True)
    assert (await run("close", "nothing"))[0] == 1
    file.write_text(text.replace("10:30:00", "10:20:00").replace(code, "NO-1", 1), encoding="utf-8")
    failed, said = await run("load", str(file))
    assert failed == 1
    assert "times.toml, line 5, slot 1: NO-1: there is no such vacancy" in said
    assert "slot 2: " in said
