"""Vacancies, slots and invitations of a test's own."""

import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from app.database.conversations import OpenTurn
from app.database.record import Record
from app.recruiting.interviews import Interviews, Slot
from app.recruiting.vacancy import Vacancy
from app.recruiting.vacancy_file import check_file
from tests.fixtures.desk import committed, reopened

EXAMPLES = Path(__file__).parents[2] / "examples" / "vacancies.toml"
# Far enough for every lead, whatever the time of day; whole minutes, as files have them.
BEGINNING = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=3)


async def a_vacancy(record: Record) -> Vacancy:
    """One that no other test uses; closed, as others look at what is open: interviews go on after that."""
    (example, *_) = check_file(EXAMPLES).vacancies
    vacancy = msgspec.structs.replace(example, code=f"IN-{uuid.uuid4().int % 10**6}", status="closed")
    assert await record.vacancies.store([vacancy]) == [vacancy.code]
    return vacancy


def slot_row(vacancy: str, *, hours: float = 0, capacity: int = 1, minutes: int = 30, **more: Any) -> dict[str, Any]:
    """What a file's slot becomes; `hours` after BEGINNING."""
    row = {
        "vacancy": vacancy,
        "starts_at": (BEGINNING + timedelta(hours=hours)).isoformat(),
        "minutes": minutes,
        "timezone": "Europe/Amsterdam",
        "place": "Stationsplein 1, Utrecht",
        "capacity": capacity,
    }
    return row | more


async def slots_of(record: Record, vacancy: str) -> list[Slot]:
    """A vacancy's slots to come, in order."""
    return [slot for slot in await record.interviews.slots() if slot.vacancy == vacancy]


async def with_slots(
    record: Record, *, count: int = 2, capacity: int = 1, first: float = 0
) -> tuple[Vacancy, list[Slot]]:
    """A vacancy with slots an hour apart, `first` hours after BEGINNING."""
    vacancy = await a_vacancy(record)
    rows = [slot_row(vacancy.code, hours=first + number, capacity=capacity) for number in range(count)]
    stored = await record.interviews.store_slots(rows)
    assert (stored.changed, stored.faults) == (count, [])
    return vacancy, await slots_of(record, vacancy.code)


async def invited(record: Record, turn: OpenTurn, vacancy: str, slots: list[Slot]) -> str:
    """Committed as `/interview` does; the invitation's id."""
    invitation = str(uuid.uuid4())
    act = {
        "act": "invite",
        "id": invitation,
        "vacancy": vacancy,
        "by": "recruiter:1",
        "asked": f"list-{invitation}",
        "slots": [slot.id for slot in slots],
    }
    result = await committed(record, await reopened(record, turn), interviews=[act])
    assert result.status == "committed"
    return invitation


def book(invitation: str, slot: Slot, **more: Any) -> dict[str, Any]:
    """The act of a tap."""
    act = {"act": "book", "id": str(uuid.uuid4()), "invitation": invitation, "slot": slot.id, "by": "candidate"}
    return act | more


async def interviews_of(record: Record, turn: OpenTurn) -> Interviews:
    """What the record holds of a candidate."""
    return await record.interviews.find(turn.candidate_id, after=time.time())
