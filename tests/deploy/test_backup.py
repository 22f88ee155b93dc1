"""A backup can be restored: rehearsed with the real scripts on real servers."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Mapping
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from app.database.record import Record
from app.local.postgres import PostgresServer
from app.local.postgres_programs import find_programs
from app.local.redis import find_redis
from tests.fixtures.desk import committed, opened, said

OPS = Path(__file__).parents[2] / "ops"
SCRATCH = "rehearsal"


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


@pytest.fixture
async def scratch(postgres: PostgresServer) -> str:
    """URL of an empty database on the same server; its roles exist as in a Supabase project."""
    owner = await asyncpg.connect(postgres.dsn)
    await owner.execute(f"drop database if exists {SCRATCH} with (force)")
    await owner.execute(f"create database {SCRATCH} template template0")
    await owner.close()
    return postgres.dsn.replace("/postgres?", f"/{SCRATCH}?")


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
