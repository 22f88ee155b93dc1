"""`python -m app migrate` says in one line what to do when the database refuses, and never a password."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from app.local.postgres import SUPERUSER, PostgresServer

ROOT = Path(__file__).parents[2]
PASSWORD = "hunter2-canary"


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresServer]:
    """A Postgres with a role that needs its password and one that may do nothing."""
    server = PostgresServer(tmp_path_factory.mktemp("refusing") / "data", durable=False)
    await server.start()
    access = server.data_dir / "pg_hba.conf"
    access.write_text("local all locked scram-sha-256\n" + access.read_text())
    superuser = await asyncpg.connect(server.dsn.replace("//postgres@", f"//{SUPERUSER}@"))
    await superuser.execute("create role locked login password 'another one'; create role limited login")
    await superuser.execute("select pg_reload_conf()")
    await superuser.close()
    yield server
    await server.stop()


async def migrate(dsn: str) -> tuple[int, str, str]:
    """Exit code, output and complaints of the command."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "migrate"),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": dsn},
        stdout=PIPE,
        stderr=PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode(), err.decode()


@pytest.mark.parametrize(
    ("user", "place", "query", "advice"),
    [
        ("locked", "/postgres", "", "refuses the user or the password"),
        ("nobody-known", "/postgres", "", "refuses the user or the password"),
        ("limited", "/postgres", "", "project's user `postgres`"),
        ("postgres", "/nowhere", "", "does not exist: copy the session pooler"),
        ("postgres", "/postgres", "&sslmode=bogus", "DATABASE_URL cannot be used as it is"),
        ("postgres", "127.0.0.1:9/postgres", "", "cannot be reached"),
    ],
    ids=["password", "user", "rights", "database", "address", "server"],
)
async def test_a_refusal_is_one_line_that_tells_what_to_do(
    server: PostgresServer, user: str, place: str, query: str, advice: str
) -> None:
    sockets = server.dsn.partition("?")[2]
    dsn = f"postgresql://{user}:{PASSWORD}@{place}" + (f"?{sockets}{query}" if place.startswith("/") else "")
    code, out, err = await migrate(dsn)
    assert (code, out) == (1, ""), err
    (line,) = [each for each in err.splitlines() if each]
    assert line.startswith("migrate: ")
    assert advice in line
    for secret in (PASSWORD, dsn, "postgresql://"):
        assert secret not in line


async def test_it_migrates_once_the_database_lets_it(server: PostgresServer) -> None:
    code, out, _ = await migrate(server.dsn)
    assert (code, out.startswith("applied ")) == (0, True)
    assert await migrate(server.dsn) == (0, "the database is up to date\n", "")
