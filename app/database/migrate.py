"""Applies `supabase/migrations` over a direct Postgres connection; safe with several replicas at once.

The files and the table of applied versions are those of Supabase's command line, so that either tool may be used.
"""

from dataclasses import dataclass
from pathlib import Path

import asyncpg

MIGRATIONS = Path(__file__).parents[2] / "supabase" / "migrations"
LOCK = 6_202_611_231_900  # any number of ours: replicas wait for each other here

_PREPARE = """
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
alter table supabase_migrations.schema_migrations add column if not exists statements text[];
alter table supabase_migrations.schema_migrations add column if not exists name text;
"""


@dataclass(frozen=True)
class Migration:
    """One file `<version>_<name>.sql`; `version` is a UTC timestamp yyyymmddHHMMSS."""

    version: str
    name: str
    path: Path


class MigrationError(Exception):
    """The files and the database disagree, or a statement failed; the text says what to do."""


def read_migrations(directory: Path) -> list[Migration]:
    """The migration files in order of version."""
    found = []
    for path in sorted(directory.glob("*.sql")):
        version, _, name = path.stem.partition("_")
        if len(version) != 14 or not version.isdigit():
            raise MigrationError(f"{path.name}: rename it to <yyyymmddHHMMSS>_<name>.sql")
        found.append(Migration(version, name, path))
    if not found:
        raise MigrationError(f"no migrations in {directory}: the checkout or image is incomplete")
    doubled = {m.version for m in found if sum(other.version == m.version for other in found) > 1}
    if doubled:
        raise MigrationError(f"version used twice: {', '.join(sorted(doubled))}; give one file a later timestamp")
    return found


def expected_version(directory: Path = MIGRATIONS) -> str:
    """Version of the newest migration file; readiness compares it with `Record.schema_version()`."""
    return read_migrations(directory)[-1].version


async def applied_versions(connection: asyncpg.Connection) -> list[str]:
    """Recorded versions in order; empty in a database that was never migrated."""
    if not await connection.fetchval("select to_regclass('supabase_migrations.schema_migrations') is not null"):
        return []
    rows = await connection.fetch("select version from supabase_migrations.schema_migrations order by version")
    return [row["version"] for row in rows]


def pending(migrations: list[Migration], applied: list[str]) -> list[Migration]:
    """What is left to apply. Raises MigrationError when files and record do not tell one history."""
    files = {m.version for m in migrations}
    newest_file = migrations[-1].version
    if ahead := [v for v in applied if v > newest_file]:
        raise MigrationError(
            f"the database is ahead of this release (it has {', '.join(ahead)}): deploy the release with these files"
        )
    if missing := [v for v in applied if v not in files]:
        raise MigrationError(
            f"applied but without a file here: {', '.join(missing)}. Restore the files from version control"
        )
    left = [m for m in migrations if m.version not in set(applied)]
    if applied and (late := [m.path.name for m in left if m.version < applied[-1]]):
        raise MigrationError(
            f"older than what is applied ({applied[-1]}): {', '.join(late)}. Give each a later timestamp"
        )
    return left


async def migrate(dsn: str, directory: Path = MIGRATIONS) -> list[str]:
    """Apply what is missing, each file in a transaction of its own; returns the versions applied by this call."""
    migrations = read_migrations(directory)
    # No statement cache: behind a transaction pooler a prepared statement may meet another server connection.
    connection = await asyncpg.connect(dsn, statement_cache_size=0, timeout=15)
    try:
        async with connection.transaction():
            await _lock(connection)
            await connection.execute(_PREPARE)
        done: list[str] = []
        while (applied := await _apply_next(connection, migrations)) is not None:
            done.append(applied)
        return done
    finally:
        await connection.close()


async def _lock(connection: asyncpg.Connection) -> None:
    """Held to the end of the transaction: works through poolers, and a dead migrator leaves nothing locked."""
    await connection.execute("select pg_advisory_xact_lock($1)", LOCK)


async def _apply_next(connection: asyncpg.Connection, migrations: list[Migration]) -> str | None:
    """Apply the first pending migration; None when there is none (another replica may have been faster)."""
    async with connection.transaction():
        await _lock(connection)
        left = pending(migrations, await applied_versions(connection))
        if not left:
            return None
        migration = left[0]
        sql = migration.path.read_text(encoding="utf-8")
        try:
            await connection.execute(sql)
        except asyncpg.PostgresError as fault:
            position = int(getattr(fault, "position", None) or 0)
            line = sql.count("\n", 0, position) + 1
            raise MigrationError(f"{migration.path.name}, line {line}: {fault.sqlstate} {fault.message}") from fault
        await connection.execute(
            "insert into supabase_migrations.schema_migrations (version, statements, name) values ($1, $2, $3)",
            migration.version,
            [sql],
            migration.name,
        )
        return migration.version
