"""Nobody but the service has any right on the record, hosted as locally, under old default grants as under new ones."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.database.migrate import migrate
from app.local.postgres import PostgresServer

STRANGERS = ("anon", "authenticated")

TABLES = """
select c.relname, r.role, p.privilege
from pg_class as c, unnest($1::text[]) as r(role),
  unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger', 'maintain']) as p(privilege)
where c.relnamespace in ('public'::regnamespace, 'desk'::regnamespace, 'supabase_migrations'::regnamespace)
  and c.relkind in ('r', 'p', 'v', 'm', 'f') and has_table_privilege(r.role, c.oid, p.privilege)
"""
COLUMNS = """
select c.relname, a.attname, r.role
from pg_class as c join pg_attribute as a on a.attrelid = c.oid, unnest($1::text[]) as r(role),
  unnest(array['select', 'insert', 'update', 'references']) as p(privilege)
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v') and a.attnum > 0
  and has_column_privilege(r.role, c.oid, a.attnum, p.privilege)
"""
SEQUENCES = """
select c.relname, r.role from pg_class as c, unnest($1::text[]) as r(role),
  unnest(array['usage', 'select', 'update']) as p(privilege)
where c.relnamespace = 'public'::regnamespace and c.relkind = 'S' and has_sequence_privilege(r.role, c.oid, p.privilege)
"""
FUNCTIONS = """
select p.oid::regprocedure::text, r.role from pg_proc as p, unnest($1::text[]) as r(role)
where p.pronamespace in ('public'::regnamespace, 'desk'::regnamespace)
  and has_function_privilege(r.role, p.oid, 'execute')
"""
SCHEMAS = """
select s.name, r.role from unnest(array['desk', 'supabase_migrations']) as s(name), unnest($1::text[]) as r(role)
where has_schema_privilege(r.role, s.name, 'usage') or has_schema_privilege(r.role, s.name, 'create')
"""
# What projects older than 2026-05-30 did by themselves until 2026-10-30.
OLD_DEFAULTS = """
alter default privileges for role postgres in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on functions to anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on sequences to anon, authenticated, service_role;
"""


@pytest.fixture(
    scope="module", params=["select", OLD_DEFAULTS], ids=["nothing granted by default", "all granted by default"]
)
async def database(postgres: PostgresServer, request: pytest.FixtureRequest) -> AsyncIterator[asyncpg.Connection]:
    """A database of its own, migrated under the parameter's default privileges."""
    owner = await asyncpg.connect(postgres.dsn)
    await owner.execute("drop database if exists privileges")
    await owner.execute("create database privileges template template0")
    connection = await asyncpg.connect(postgres.dsn, database="privileges")
    await connection.execute("grant usage on schema public to anon, authenticated, service_role")
    await connection.execute(request.param)
    await migrate(postgres.dsn.replace("/postgres?", "/privileges?"))
    yield connection
    await connection.close()
    await owner.execute("drop database privileges")
    await owner.close()


@pytest.mark.parametrize("query", [TABLES, COLUMNS, SEQUENCES, FUNCTIONS, SCHEMAS])
async def test_strangers_have_no_right_on_anything(database: asyncpg.Connection, query: str) -> None:
    assert [tuple(found) for found in await database.fetch(query, list(STRANGERS))] == []


async def test_the_service_has_exactly_the_rights_it_was_given(database: asyncpg.Connection) -> None:
    tables = await database.fetch("select tablename from pg_tables where schemaname = 'public'")
    granted = await database.fetch(TABLES, ["service_role"])
    rights = {"select", "insert", "update", "delete"}
    expected = {(t["tablename"], right) for t in tables for right in rights}
    expected -= {("consent_records", "update"), ("consent_records", "delete")}
    assert {(g["relname"], g["privilege"]) for g in granted} == expected


async def test_the_service_may_call_every_function(database: asyncpg.Connection) -> None:
    callable_ = await database.fetch(FUNCTIONS, ["service_role"])
    total = await database.fetchval(
        "select count(*) from pg_proc where pronamespace in ('public'::regnamespace, 'desk'::regnamespace)"
    )
    assert len(callable_) == total > 0


async def test_row_security_is_on_everywhere_and_lets_nobody_through(database: asyncpg.Connection) -> None:
    off = await database.fetch(
        """select relname from pg_class
        where relnamespace = 'public'::regnamespace and relkind = 'r' and not relrowsecurity"""
    )
    assert list(off) == []
    assert await database.fetchval("select count(*) from pg_policies where schemaname = 'public'") == 0


async def test_every_function_names_its_schemas_itself(database: asyncpg.Connection) -> None:
    """A search_path of the caller's choosing must not decide which table a function touches."""
    open_ = await database.fetch(
        """select oid::regprocedure::text from pg_proc
        where pronamespace in ('public'::regnamespace, 'desk'::regnamespace)
          and not coalesce(proconfig, '{}') @> array['search_path=""']"""
    )
    assert list(open_) == []


async def test_functions_with_the_owners_rights_are_few_and_known(database: asyncpg.Connection) -> None:
    found = await database.fetch(
        """select proname from pg_proc
        where pronamespace in ('public'::regnamespace, 'desk'::regnamespace) and prosecdef order by proname"""
    )
    assert [f["proname"] for f in found] == ["erase_candidate", "repoint_consents", "schema_version"]


async def test_no_call_depends_on_what_the_planner_believes_of_a_growing_table(database: asyncpg.Connection) -> None:
    """`create or replace` forgets settings: see the migration steady_plans."""
    unsteady = await database.fetch(
        """select oid::regprocedure::text from pg_proc
        where pronamespace = 'public'::regnamespace and not coalesce(proconfig, '{}')
          @> array['enable_seqscan=off', 'enable_hashjoin=off', 'enable_mergejoin=off', 'jit=off']"""
    )
    assert list(unsteady) == []
