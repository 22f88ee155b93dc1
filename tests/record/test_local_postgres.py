"""The local Postgres starts anywhere, keeps its data, refuses what it must, and never outlives us."""

import asyncio
import os
import pwd
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import asyncpg
import psutil
import pytest

from app.local.errors import LocalServerError
from app.local.postgres import PostgresServer, postgres_server

ROOT = Path(__file__).parents[2]
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another account")


async def count(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_data_outlive_the_server(tmp_path: Path) -> None:
    for expected in (1, 2):
        async with postgres_server(tmp_path / "data") as dsn:
            await count(dsn, "create table if not exists kept (id integer)")
            await count(dsn, "insert into kept values (1)")
            assert await count(dsn, "select count(*) from kept") == expected


@only_root
async def test_root_serves_data_below_a_directory_that_only_root_may_enter(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    server = PostgresServer(private / "data", durable=False)
    await server.start()
    assert await count(server.dsn, "select 1") == 1
    assert psutil.Process(server.pid).uids().real != 0
    assert private.stat().st_mode & 0o777 == 0o700
    await server.stop()
    assert server.pid == 0


@only_root
def test_a_normal_user_needs_no_root(tmp_path_factory: pytest.TempPathFactory) -> None:
    """In a process of its own, as `nobody`; it can read this checkout or the test says nothing."""
    nobody = pwd.getpwnam("nobody")
    home = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    site = next(p for p in sys.path if p.endswith("site-packages"))
    program = textwrap.dedent(
        """
        import asyncio, sys
        sys.path[:0] = sys.argv[2:]
        from pathlib import Path
        from app.local.postgres import postgres_server
        async def main():
            async with postgres_server(Path(sys.argv[1]) / "data", durable=False) as dsn:
                print("ready")
        asyncio.run(main())
        """
    )
    system_python = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    readable = subprocess.run(
        ["setpriv", "--reuid=nobody", "--clear-groups", "test", "-r", str(ROOT / "app" / "local" / "postgres.py")],
        check=False,
    )
    if readable.returncode != 0 or not Path(system_python).exists():
        pytest.skip("no Python or checkout that nobody may read")
    result = subprocess.run(
        ["setpriv", "--reuid=nobody", "--clear-groups", system_python, "-B", "-c", program, home, str(ROOT), site],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    shutil.rmtree(home)
    assert (result.returncode, result.stdout.strip()) == (0, "ready"), result.stderr


async def test_a_path_longer_than_a_socket_name_allows_is_no_obstacle(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    async with postgres_server(deep / "data", durable=False) as dsn:
        assert await count(dsn, "select 1") == 1
        sockets = Path(dsn.rpartition("host=")[2])
    assert not await asyncio.to_thread(sockets.exists)


async def test_a_second_instance_on_the_same_data_is_refused(tmp_path: Path) -> None:
    async with postgres_server(tmp_path / "data", durable=False) as dsn:
        with pytest.raises(LocalServerError, match="in use by another running instance"):
            async with postgres_server(tmp_path / "data", durable=False):
                pass
        assert await count(dsn, "select 1") == 1


async def test_damaged_data_are_refused_with_what_to_do(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with postgres_server(data, durable=False):
        pass
    (data / "global" / "pg_control").write_bytes(b"not a control file")
    with pytest.raises(LocalServerError, match=r"pg_control.*--fresh"):
        async with postgres_server(data, durable=False):
            pass


@pytest.mark.parametrize(("file", "content"), [("holiday.jpg", "x"), ("PG_VERSION", "14\n")])
async def test_a_directory_of_something_else_is_left_alone(tmp_path: Path, file: str, content: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / file).write_text(content)
    with pytest.raises(LocalServerError, match="--fresh"):
        async with postgres_server(data):
            pass
    assert [p.name for p in data.iterdir()] == [file]


async def test_an_interrupted_first_start_leaves_nothing_half_made(tmp_path: Path) -> None:
    draft = tmp_path / "data.new"
    draft.mkdir()
    (draft / "rest of an interrupted run").touch()
    async with postgres_server(tmp_path / "data", durable=False) as dsn:
        assert await count(dsn, "select 1") == 1
    assert not draft.exists()


async def test_stopping_ends_open_sessions(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "data", durable=False)
    await server.start()
    connection = await asyncpg.connect(server.dsn)
    pid = server.pid
    await asyncio.wait_for(server.stop(), 10)
    assert not psutil.pid_exists(pid)
    connection.terminate()


async def test_a_killed_starter_takes_the_server_along_and_the_data_survive(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import asyncio, sys
        from pathlib import Path
        from app.local.postgres import PostgresServer
        async def main():
            server = PostgresServer(Path(sys.argv[1]))
            await server.start()
            print(server.pid, flush=True)
            await asyncio.sleep(600)
        asyncio.run(main())
        """
    )
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path / "data"), stdout=subprocess.PIPE, cwd=ROOT
    )
    assert starter.stdout is not None
    postgres = psutil.Process(int(await starter.stdout.readline()))
    starter.kill()
    await starter.wait()
    async with postgres_server(tmp_path / "data") as dsn:  # waits for the other to leave
        assert await count(dsn, "select 1") == 1
    deadline = time.monotonic() + 10
    while postgres.is_running() and postgres.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_the_role_of_the_schema_is_no_superuser(tmp_path: Path) -> None:
    async with postgres_server(tmp_path / "data", durable=False) as dsn:
        assert await count(dsn, "select not usesuper from pg_user where usename = current_user") is True
        assert await count(
            dsn, "select extnamespace::regnamespace::text from pg_extension where extname = 'vector'"
        ) == ("extensions")
