"""A backup can be restored: rehearsed with the real scripts on real servers."""

import asyncio
import os
import re
import shlex
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from app.database.migrate import migrate
from app.database.record import Record
from app.local.postgres import SUPERUSER, PostgresServer
from app.local.postgres_programs import find_programs
from app.local.redis import find_redis
from tests.fixtures.desk import committed, opened, said

ROOT = Path(__file__).parents[2]
OPS = ROOT / "ops"
SCRATCH = "rehearsal"
ROLES = "anon, authenticated, service_role"  # what a Supabase project has and a bare Postgres lacks
# Who may do what, and whether rows are hidden from whom no policy lets in.
RIGHTS = """
with things as (
  select relname::text as name, relrowsecurity as guarded,
    coalesce(relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner)) as acl
  from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'S')
  union all
  select oid::regprocedure::text, prosecdef, coalesce(proacl, acldefault('f', proowner))
  from pg_proc where pronamespace in ('public'::regnamespace, 'desk'::regnamespace)
  union all
  select 'future ' || defaclobjtype::text, true, defaclacl from pg_default_acl where defaclnamespace = 0
)
select name, guarded, array(select each::text from unnest(acl) each order by 1) from things
order by 1
"""


async def run(script: str, *words: str, environ: Mapping[str, str]) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *("bash", str(OPS / script), *words), stdout=PIPE, stderr=STDOUT, env={"PATH": os.environ["PATH"], **environ}
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """PATH with the servers' own client programs in front."""
    home = tmp_path_factory.mktemp("tools")
    programs = find_redis()
    client = home / "redis-cli"
    client.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("redis_cli.py")} "$@"\n')
    client.chmod(0o755)
    modules = " ".join(f"--loadmodule {module}" for module in programs.modules)
    return {
        "PATH": f"{home}:{find_programs(None).directory}:{os.environ['PATH']}",
        "REDIS_SERVER": f"{programs.server} {modules}",
    }


async def empty_database(server: PostgresServer, name: str) -> str:
    """URL of a new database on the server."""
    owner = await asyncpg.connect(server.dsn)
    await owner.execute(f"drop database if exists {name} with (force)")
    await owner.execute(f"create database {name} template template0")
    await owner.close()
    return server.dsn.replace("/postgres?", f"/{name}?")


@pytest.fixture
async def scratch(postgres: PostgresServer) -> str:
    """URL of an empty database on the same server; its roles exist as in a Supabase project."""
    return await empty_database(postgres, SCRATCH)


@pytest.fixture(scope="module")
async def bare(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresServer]:
    """A Postgres that has never heard of Supabase's roles."""
    server = PostgresServer(tmp_path_factory.mktemp("bare") / "data", durable=False)
    await server.start()
    superuser = await asyncpg.connect(server.dsn.replace("//postgres@", f"//{SUPERUSER}@"))
    await superuser.execute(f"drop owned by {ROLES}, authenticator; drop role {ROLES}, authenticator")
    await superuser.close()
    yield server
    await server.stop()


async def follow(document: str, heading: str, environ: Mapping[str, str], home: Path) -> tuple[int, str]:
    """Run the commands under the heading as they stand, in a directory like a clone; values in `environ` replace the
    examples after `export`."""
    section = re.split(r"^## ", (ROOT / document).read_text(), flags=re.MULTILINE)
    (text,) = [each for each in section if each.startswith(heading)]
    script = "set -e\n" + "\n".join(re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    exports = iter(re.findall(r"^export (\w+)=", script, re.MULTILINE))
    values = {name: iter(value.split("\n")) for name, value in environ.items()}
    script = re.sub(
        r"^(export \w+=).*$", lambda found: found[1] + shlex.quote(next(values[next(exports)])), script, flags=re.M
    )
    (home / "ops").symlink_to(OPS)
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", script), cwd=home, stdout=PIPE, stderr=STDOUT, env={**environ, "HOME": str(home)}
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


@pytest.mark.parametrize("kind", ["supabase", "bare"])
async def test_the_documented_restore_brings_rows_and_rights_back(
    kind: str,
    postgres: PostgresServer,
    bare: PostgresServer,
    record: Record,
    redis_url: str,
    tools: dict[str, str],
    tmp_path: Path,
) -> None:
    turn = await opened(record)
    await committed(record, turn, messages=[said("Ich kann löten")])
    server = postgres if kind == "supabase" else bare
    targets = [await empty_database(server, name) for name in (SCRATCH, "new_project")]
    superuser = await asyncpg.connect(postgres.dsn.replace("//postgres@", f"//{SUPERUSER}@"))
    # What a Supabase project from before 2026-10-30 has: a right that only the administrator may grant.
    await superuser.execute("alter default privileges in schema public grant select on tables to anon")
    try:
        environ = {"DATABASE_URL": postgres.dsn, "REDIS_URL": redis_url, "RESTORE_DATABASE_URL": "\n".join(targets)}
        code, out = await follow("RAILWAY-DEPLOYMENT.md", "9. Backup", {**tools, **environ}, tmp_path)
        assert code == 0, out
        expected = await superuser.fetch(RIGHTS)
    finally:
        await superuser.execute("alter default privileges in schema public revoke select on tables from anon")
        await superuser.close()
    for target in targets:
        restored = await asyncpg.connect(target)
        assert await restored.fetchval("select count(*) from public.messages where text = 'Ich kann löten'") >= 1
        assert await restored.fetch(RIGHTS) == expected
        for role, may in (("service_role", True), ("anon", False)):
            assert await restored.fetchval(f"select has_table_privilege('{role}', 'public.messages', 'select')") is may
        await restored.close()
        assert await migrate(target) == []


async def test_record_and_redis_come_back_whole(
    record: Record,
    postgres: PostgresServer,
    redis_url: str,
    redis: Redis,
    tools: dict[str, str],
    scratch: str,
    tmp_path: Path,
) -> None:
    turn = await opened(record)
    await committed(record, turn, messages=[said("Ich suche Arbeit als Schweißer")])
    await redis.set("backup:test", "x", ex=600)
    await redis.json().set("backup:json", "$", {"a": 1})
    home = str(tmp_path / "backup")
    environ = {**tools, "DATABASE_URL": postgres.dsn, "REDIS_URL": redis_url}
    code, out = await run("backup.sh", home, environ=environ)
    assert code == 0, out
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
    code, out = await run("rehearse-restore.sh", home, environ={**environ, "RESTORE_DATABASE_URL": scratch})
    assert code == 0, out
    restored = await asyncpg.connect(scratch)
    text = await restored.fetchval("select text from public.messages where text like '%Schweißer' limit 1")
    await restored.close()
    assert text == "Ich suche Arbeit als Schweißer"
    # The same backup again: the database is no longer empty, which must be refused.
    code, out = await run("rehearse-restore.sh", home, environ={**environ, "RESTORE_DATABASE_URL": scratch})
    assert (code, "not empty" in out) == (1, True)


async def test_a_damaged_backup_and_the_database_in_use_are_refused(
    postgres: PostgresServer, redis_url: str, tools: dict[str, str], scratch: str, tmp_path: Path
) -> None:
    home = tmp_path / "backup"
    environ = {**tools, "DATABASE_URL": postgres.dsn, "REDIS_URL": redis_url}
    code, out = await run("backup.sh", str(home), environ=environ)
    assert code == 0, out
    same = {**environ, "RESTORE_DATABASE_URL": postgres.dsn}
    code, out = await run("rehearse-restore.sh", str(home), environ=same)
    assert (code, "in use" in out) == (1, True)
    dump = home / "redis.rdb"
    dump.write_bytes(dump.read_bytes()[:-10])
    code, out = await run("rehearse-restore.sh", str(home), environ={**environ, "RESTORE_DATABASE_URL": scratch})
    assert (code, "damaged" in out) == (1, True)
    code, out = await run("backup.sh", str(home), environ=environ)
    assert (code, "exists already" in out) == (1, True)
