"""Migrations are applied once, in order, by any number of replicas, and never over a history that differs."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from app.database.migrate import MIGRATIONS, MigrationError, expected_version, migrate, read_migrations
from app.database.record import Record
from app.local.postgres import PostgresServer
from tests.fixtures.desk import unique


@pytest.fixture
async def empty_dsn(postgres: PostgresServer) -> AsyncIterator[str]:
    """A database without any migration."""
    name = unique("m_")
    owner = await asyncpg.connect(postgres.dsn)
    await owner.execute(f"create database {name} template template0")
    yield postgres.dsn.replace("/postgres?", f"/{name}?")
    await owner.execute(f"drop database {name} with (force)")
    await owner.close()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Two small migrations."""
    (tmp_path / "20260101000000_first.sql").write_text("create table public.one (id integer); select 1;")
    (tmp_path / "20260102000000_second.sql").write_text("insert into public.one values (1);")
    return tmp_path


async def rows(dsn: str, query: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def test_replicas_that_migrate_at_once_apply_each_file_once(empty_dsn: str) -> None:
    applied = await asyncio.gather(*(migrate(empty_dsn) for _ in range(5)))
    versions = [m.version for m in read_migrations(MIGRATIONS)]
    assert sorted(version for each in applied for version in each) == versions
    recorded = await rows(empty_dsn, "select version from supabase_migrations.schema_migrations order by version")
    assert [row[0] for row in recorded] == versions
    assert await migrate(empty_dsn) == []


async def test_the_service_can_ask_which_version_is_applied(record: Record) -> None:
    assert await record.schema_version() == expected_version()


async def test_the_record_of_versions_is_that_of_supabases_own_tool(empty_dsn: str, files: Path) -> None:
    await migrate(empty_dsn, files)
    assert await rows(empty_dsn, "select version, name, statements from supabase_migrations.schema_migrations") == [
        ("20260101000000", "first", ["create table public.one (id integer); select 1;"]),
        ("20260102000000", "second", ["insert into public.one values (1);"]),
    ]


async def test_a_faulty_file_leaves_nothing_and_names_its_line(empty_dsn: str, files: Path) -> None:
    bad = files / "20260103000000_bad.sql"
    bad.write_text("create table public.two (id integer);\nselect 1;\nselect nope;\n")
    with pytest.raises(MigrationError, match=r"20260103000000_bad\.sql, line 3: 42703"):
        await migrate(empty_dsn, files)
    assert await rows(empty_dsn, "select count(*) from pg_tables where tablename in ('one', 'two')") == [(1,)]
    bad.write_text("create table public.two (id integer);")
    assert await migrate(empty_dsn, files) == ["20260103000000"]


async def test_a_database_that_is_ahead_is_refused(empty_dsn: str, files: Path) -> None:
    await migrate(empty_dsn, files)
    (files / "20260102000000_second.sql").unlink()
    with pytest.raises(MigrationError, match="ahead of this release"):
        await migrate(empty_dsn, files)


async def test_an_applied_file_that_is_gone_is_refused(empty_dsn: str, files: Path) -> None:
    await migrate(empty_dsn, files)
    (files / "20260101000000_first.sql").unlink()
    with pytest.raises(MigrationError, match="without a file here: 20260101000000"):
        await migrate(empty_dsn, files)


async def test_a_file_older_than_what_is_applied_is_refused(empty_dsn: str, files: Path) -> None:
    await migrate(empty_dsn, files)
    (files / "20260101120000_late.sql").write_text("select 1;")
    with pytest.raises(MigrationError, match=r"20260101120000_late\.sql"):
        await migrate(empty_dsn, files)


def test_misnamed_doubled_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="no migrations"):
        expected_version(tmp_path)
    (tmp_path / "20260101000000_a.sql").touch()
    shutil.copy(tmp_path / "20260101000000_a.sql", tmp_path / "20260101000000_b.sql")
    with pytest.raises(MigrationError, match="used twice: 20260101000000"):
        expected_version(tmp_path)
    (tmp_path / "notes.sql").touch()
    with pytest.raises(MigrationError, match=r"notes\.sql"):
        expected_version(tmp_path)


def test_migrations_need_nothing_that_hosted_postgres_17_lacks() -> None:
    """Supabase runs 17, this machine 18."""
    newer = re.compile(
        r"uuidv7|virtual\b|without overlaps|returning\s+(old|new)\b|casefold\(|array_sort\(", re.IGNORECASE
    )
    for migration in read_migrations(MIGRATIONS):
        assert not newer.search(migration.path.read_text()), migration.path.name
