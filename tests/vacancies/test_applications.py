"""Applications in the record: the desk moves them forwards, people's decisions stand, and nothing stops a turn."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import msgspec
import pytest

from app.database.record import Record
from app.recruiting.vacancy import Vacancy
from app.recruiting.vacancy_file import check_file
from tests.fixtures.desk import committed, opened, reopened, unique

EXAMPLES = Path(__file__).parents[2] / "examples" / "vacancies.toml"


@pytest.fixture
async def database(postgres_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres_dsn)
    yield connection
    await connection.close()


async def a_vacancy(record: Record) -> Vacancy:
    (example, *_) = check_file(EXAMPLES).vacancies
    vacancy = msgspec.structs.replace(example, code=f"AP-{abs(hash(unique())) % 10**6}")
    assert await record.vacancies.store([vacancy]) == [vacancy.code]
    return vacancy


async def test_an_application_goes_forwards_only_and_a_persons_decision_stands(
    record: Record, database: asyncpg.Connection
) -> None:
    vacancy = await a_vacancy(record)
    turn = await opened(record)

    async def after(status: str, **more: object) -> str:
        given = {"vacancy": vacancy.code, "status": status, **more}
        await committed(record, await reopened(record, turn), application=given)
        found = await record.vacancies.application(turn.candidate_id, vacancy.code)
        assert found is not None
        return found.status

    assert await after("screening") == "screening"
    assert await after("awaiting_review", must_have_results=[{"id": "english", "verdict": "met"}]) == "awaiting_review"
    assert await after("screening") == "awaiting_review"
    found = await record.vacancies.application(turn.candidate_id, vacancy.code)
    assert found is not None
    assert found.must_have_results == [{"id": "english", "verdict": "met"}]
    await database.execute(
        "update public.applications set status = 'declined', decided_by = 'recruiter 7' where candidate_id = $1",
        turn.candidate_id,
    )
    assert await after("awaiting_review") == "declined"


async def test_a_vacancy_is_what_was_loaded_and_loading_again_changes_nothing(record: Record) -> None:
    vacancy = await a_vacancy(record)
    assert await record.vacancies.store([vacancy]) == []
    assert await record.vacancies.find(vacancy.code) == msgspec.structs.replace(vacancy, status="open")
    assert await record.vacancies.find("NO-1") is None
    assert (await record.vacancies.close(vacancy.code)).closed
    assert not (await record.vacancies.close(vacancy.code)).closed
    assert await record.vacancies.store([vacancy]) == []  # a file without status opens nothing again
    stored = {each.code: each.status for each in await record.vacancies.all()}
    assert stored[vacancy.code] == "closed"
    assert await record.vacancies.store([msgspec.structs.replace(vacancy, status="open")]) == [vacancy.code]


async def test_a_vacancy_of_an_older_form_is_left_out_and_stops_nobody(
    record: Record, database: asyncpg.Connection
) -> None:
    vacancy = await a_vacancy(record)
    await database.execute(
        "update public.vacancies set details = details || '{\"odd\": 1}' where code = $1", vacancy.code
    )
    assert await record.vacancies.find(vacancy.code) is None
    assert vacancy.code not in [each.code for each in await record.vacancies.open()]
