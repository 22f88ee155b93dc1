"""What the schema itself forbids."""

import re

import asyncpg
import pytest

from app.database.conversations import NewConsent, NewFact
from app.database.errors import BadRequest, Conflict
from app.database.record import Record
from tests.fixtures.desk import commit_for, committed, opened, reopened, row, said, unique

# product.md §1b: columns that must never exist, in the words they could come in.
FORBIDDEN = re.compile(
    r"birth|(^|_)born|(^|_)age(_|$)|gender|(^|_)sex(_|$)|marital|married|child|pregnan|nationality|citizenship|ethnic|"
    r"(^|_)race(_|$)|religio|health|illness|disabilit|(^|_)union|politic|orientation|photo|picture|salary_history|"
    r"national_id|passport|(^|_)bsn(_|$)|ssn|criminal|convict|military|debt"
)


async def test_no_column_holds_what_is_never_asked(postgres_dsn: str) -> None:
    connection = await asyncpg.connect(postgres_dsn)
    columns = await connection.fetch(
        "select table_name, column_name from information_schema.columns where table_schema in ('public', 'desk')"
    )
    await connection.close()
    assert len(columns) > 100
    assert [tuple(c) for c in columns if FORBIDDEN.search(c["column_name"])] == []


@pytest.mark.parametrize(
    "field", ["birth_date", "age", "gender", "nationality", "religion", "health", "salary_history", "union", "photo"]
)
async def test_a_fact_about_what_is_never_asked_is_refused(record: Record, field: str) -> None:
    turn = await opened(record)
    fact = NewFact(field=field, value="x", quote="x", message_id="m", source="chat", confidence=1)
    with pytest.raises(Conflict):
        await committed(record, turn, facts=[fact])
    assert (await reopened(record, turn)).turn_no == 0


@pytest.mark.parametrize("field", ["languages", "agency_experience", "healthcare_licence", "travel", "city"])
async def test_a_fact_that_only_sounds_alike_is_kept(record: Record, field: str) -> None:
    turn = await opened(record)
    fact = NewFact(field=field, value="x", quote="x", message_id="m", source="chat", confidence=1)
    await committed(record, turn, facts=[fact])
    assert [f.field for f in (await reopened(record, turn)).facts] == [field]


async def test_a_fact_without_evidence_is_refused(record: Record) -> None:
    turn = await opened(record)
    fact = NewFact(field="city", value="Gent", quote="", message_id="m", source="chat", confidence=1)
    with pytest.raises(Conflict):
        await committed(record, turn, facts=[fact])


async def test_consent_records_can_be_added_and_never_changed(record: Record, postgres_dsn: str) -> None:
    turn = await opened(record)
    consent = NewConsent(
        purpose="whatsapp", granted=True, text_version="v1", language="nl", message_id=unique(), method="button:yes"
    )
    withdrawal = NewConsent(
        purpose="whatsapp", granted=False, text_version="v1", language="nl", message_id=unique(), method="text"
    )
    await committed(record, turn, consents=[consent, withdrawal])
    assert [c.granted for c in (await reopened(record, turn)).consents] == [False]

    owner = await asyncpg.connect(postgres_dsn)
    for statement in (
        "update public.consent_records set granted = true where candidate_id = $1",
        "delete from public.consent_records where candidate_id = $1",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await owner.execute(statement, turn.candidate_id)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await owner.execute("truncate public.consent_records")
    count = await owner.fetchval(
        "select count(*) from public.consent_records where candidate_id = $1", turn.candidate_id
    )
    await owner.close()
    assert count == 2


async def test_the_service_cannot_pass_the_guard_of_consents_by_itself(record: Record, postgres_dsn: str) -> None:
    turn = await opened(record)
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute("set role service_role")
    await connection.execute("set desk.consents_may = 'erase'")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("delete from public.consent_records where candidate_id = $1", turn.candidate_id)
    await connection.close()


async def test_erasing_a_candidate_leaves_no_row_about_them(record: Record, postgres_dsn: str) -> None:
    turn = await opened(record)
    message = said("I am Jo")
    fact = NewFact(field="name", value="Jo", quote="Jo", message_id=message.message_id, source="chat", confidence=1)
    consent = NewConsent(
        purpose="whatsapp", granted=True, text_version="v1", language="nl", message_id=unique(), method="button"
    )
    await committed(record, turn, messages=[message], facts=[fact], consents=[consent], outbox=[row()])

    assert await record.pool.call("erase_candidate", {"candidate_id": turn.candidate_id}, dict[str, bool]) == {
        "erased": True
    }

    owner = await asyncpg.connect(postgres_dsn)
    keys = await owner.fetch(
        """select table_name, column_name from information_schema.columns
        where table_schema = 'public' and (column_name in ('candidate_id', 'conversation_id')
          or table_name in ('candidates', 'conversations') and column_name = 'id')"""
    )
    assert len(keys) > 10
    for key in keys:
        found = await owner.fetchval(
            f'select count(*) from public."{key[0]}" where "{key[1]}" = any($1::uuid[])',  # noqa: S608 - catalog names
            [turn.candidate_id, turn.conversation_id],
        )
        assert found == 0, key
    await owner.close()
    assert await record.conversations.find(turn.address) is None


async def test_nobody_is_declined_without_a_person_deciding(record: Record, postgres_dsn: str) -> None:
    turn = await opened(record)
    code = unique("vac-")
    owner = await asyncpg.connect(postgres_dsn)
    await owner.execute("insert into public.vacancies (code, title) values ($1, 'Driver')", code)
    await owner.close()
    await committed(record, turn, application={"vacancy": code, "status": "awaiting_review"})
    turn = await reopened(record, turn)
    with pytest.raises(Conflict):
        await committed(record, turn, application={"vacancy": code, "status": "declined"})


async def test_an_application_for_an_unknown_vacancy_commits_nothing(record: Record) -> None:
    turn = await opened(record)
    with pytest.raises(BadRequest, match="unknown vacancy"):
        await record.conversations.commit_turn(
            commit_for(turn, messages=[said()], application={"vacancy": unique("none-")})
        )
    assert (await reopened(record, turn)).transcript == []
